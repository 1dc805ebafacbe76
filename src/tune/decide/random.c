/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers, bit for bit NumPy's.
 */
#include "tune/decide/random.h"

#include <math.h>

/* --- SeedSequence --- */

enum { POOL = 4 };

struct hash {
    uint32_t factor, step;
};

static uint32_t hash_word(struct hash *hash, uint32_t word)
{
    word ^= hash->factor;
    hash->factor *= hash->step;
    word *= hash->factor;
    return word ^ word >> 16;
}

static uint32_t mix(uint32_t a, uint32_t b)
{
    uint32_t mixed = 0xca01f9ddu * a - 0x4973f715u * b;
    return mixed ^ mixed >> 16;
}

/* Eight words out of the seed. */
static void spread_seed(uint64_t seed, uint64_t words[4])
{
    uint32_t pool[POOL];
    struct hash in = {0x43b0d7e5u, 0x931e8875u}, out = {0x8b51f9ddu, 0x58f38dedu};
    for (unsigned i = 0; i < POOL; i++)
        pool[i] = hash_word(&in, i < 2 ? (uint32_t)(seed >> 32 * i) : 0);
    for (unsigned i = 0; i < POOL; i++)
        for (unsigned j = 0; j < POOL; j++)
            if (i != j)
                pool[j] = mix(pool[j], hash_word(&in, pool[i]));
    for (unsigned i = 0; i < 4; i++) {
        uint64_t low = hash_word(&out, pool[2 * i % POOL]);
        words[i] = low | (uint64_t)hash_word(&out, pool[(2 * i + 1) % POOL]) << 32;
    }
}

/* --- PCG64 --- */

typedef unsigned __int128 u128;

static u128 join(uint64_t high, uint64_t low)
{
    return (u128)high << 64 | low;
}

static u128 step(struct random *random)
{
    u128 state = join(random->state_high, random->state_low) *
                     join(UINT64_C(2549297995355413924), UINT64_C(4865540595714422341)) +
                 join(random->step_high, random->step_low);
    random->state_high = (uint64_t)(state >> 64);
    random->state_low = (uint64_t)state;
    return state;
}

void random_seed(struct random *random, uint64_t seed)
{
    uint64_t words[4];
    spread_seed(seed, words);
    u128 increment = join(words[2], words[3]) << 1 | 1;
    /* State 0, one step, plus the seed, one step. */
    u128 state = increment + join(words[0], words[1]);
    *random = (struct random){.state_high = (uint64_t)(state >> 64),
                              .state_low = (uint64_t)state,
                              .step_high = (uint64_t)(increment >> 64),
                              .step_low = (uint64_t)increment};
    step(random);
}

uint64_t random_u64(struct random *random)
{
    u128 state = step(random);
    uint64_t folded = (uint64_t)(state >> 64) ^ (uint64_t)state;
    unsigned turn = (unsigned)(state >> 122);
    return folded >> turn | folded << (-turn & 63);
}

static uint32_t random_u32(struct random *random)
{
    if (random->has_half) {
        random->has_half = false;
        return random->half;
    }
    uint64_t both = random_u64(random);
    random->has_half = true;
    random->half = (uint32_t)(both >> 32);
    return (uint32_t)both;
}

uint32_t random_below(struct random *random, uint32_t count)
{
    if (count == 1)
        return 0;
    uint64_t product = (uint64_t)random_u32(random) * count;
    if ((uint32_t)product < count) {
        uint32_t unfair =
            -count % count; /* 2^32 mod count: by so much some values would come too often */
        while ((uint32_t)product < unfair)
            product = (uint64_t)random_u32(random) * count;
    }
    return (uint32_t)(product >> 32);
}

void random_order(struct random *random, unsigned count, unsigned char order[])
{
    uint64_t taken = 0;
    for (unsigned i = 0; i < count; i++) { /* Floyd: a random set, not in random order */
        unsigned value = random_below(random, i + 1);
        if (taken >> value & 1)
            value = i;
        taken |= UINT64_C(1) << value;
        order[i] = (unsigned char)value;
    }
    for (unsigned i = count; i-- > 1;) { /* Fisher and Yates */
        unsigned j = random_below(random, i + 1);
        unsigned char moved = order[i];
        order[i] = order[j];
        order[j] = moved;
    }
}

/* --- Normals --- */

/* Where the tail begins with 256 layers of equal area (Marsaglia and Tsang). */
static const double TAIL = 3.6541528853610087963519472518;
static const double TWO_52 = 0x1p52;

static double density(double x)
{
    return exp(-x * x / 2);
}

void random_normals_init(struct random_normals *normals)
{
    double area = TAIL * density(TAIL) + sqrt(acos(-1) / 2) * erfc(TAIL / sqrt(2));
    double x[RANDOM_LAYERS];
    x[RANDOM_LAYERS - 1] = TAIL;
    for (unsigned i = RANDOM_LAYERS - 1; i-- > 1;)
        x[i] = sqrt(-2 * log(area / x[i + 1] + density(x[i + 1])));
    for (unsigned i = 1; i < RANDOM_LAYERS; i++) {
        normals->width[i] = x[i] / TWO_52;
        normals->height[i] = density(x[i]);
        normals->inside[i] = i == 1 ? 0 : (uint64_t)(TWO_52 * (x[i - 1] / x[i]));
    }
    /* Layer 0 is the lowest one and the tail: a rectangle of the same area. */
    normals->width[0] = area / density(TAIL) / TWO_52;
    normals->height[0] = 1;
    normals->inside[0] = (uint64_t)(TWO_52 * (TAIL * density(TAIL) / area));
}

/* Uniform in [0, 1). */
static double random_unit(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

static double tail(struct random *random, bool negative)
{
    for (;;) {
        double a = -log1p(-random_unit(random)) / TAIL;
        double b = -log1p(-random_unit(random));
        if (b + b > a * a)
            return negative ? -(TAIL + a) : TAIL + a;
    }
}

double random_normal(struct random *random, const struct random_normals *normals)
{
    for (;;) {
        uint64_t bits = random_u64(random);
        unsigned layer = bits & 0xff;
        uint64_t along = bits >> 9 & 0xfffffffffffff;
        double x = (double)along * normals->width[layer];
        if (bits >> 8 & 1)
            x = -x;
        if (along < normals->inside[layer])
            return x;
        if (layer == 0)
            return tail(random, along >> 8 & 1);
        double above = normals->height[layer - 1] - normals->height[layer];
        if (above * random_unit(random) + normals->height[layer] < density(x))
            return x;
    }
}
