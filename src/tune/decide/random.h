/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers, bit for bit those of NumPy's default generator: a seed means the same run as in
 * the published artifact of Zeus, so that its histories can be reproduced.  PCG64 (XSL-RR 128/64,
 * O'Neill 2014) seeded by SeedSequence (after O'Neill's seed_seq_fe), bounded integers by Lemire's
 * method (2019), normals by a ziggurat of 256 layers (Marsaglia and Tsang 2000).
 *
 * The generator is a plain struct; the tables of the ziggurat are constant and made once by the
 * caller that draws normals.
 */
#ifndef WATTUNE_TUNE_DECIDE_RANDOM_H
#define WATTUNE_TUNE_DECIDE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state_high, state_low; /* of the 128-bit generator */
    uint64_t step_high, step_low;   /* added at each step; odd */
    bool has_half;                  /* a 64-bit output gives two 32-bit draws */
    uint32_t half;                  /* the second of them */
};

enum { RANDOM_LAYERS = 256 };

struct random_normals { /* x, f and k of each layer, as the method needs them */
    double width[RANDOM_LAYERS], height[RANDOM_LAYERS];
    uint64_t inside[RANDOM_LAYERS];
};

void random_seed(struct random *random, uint64_t seed);

uint64_t random_u64(struct random *random);

/* Uniform in [0, count), count at least 1; draws nothing when there is one value. */
uint32_t random_below(struct random *random, uint32_t count);

/* order[0..count) becomes a random order of 0..count-1, as NumPy's choice(count, count,
 * replace=False); count is at most 64. */
void random_order(struct random *random, unsigned count, unsigned char order[]);

/* The tables; some 10 us. */
void random_normals_init(struct random_normals *normals);

/* Standard normal. */
double random_normal(struct random *random, const struct random_normals *normals);

#endif
