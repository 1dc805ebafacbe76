/* SPDX-License-Identifier: Apache-2.0
 *
 * measure/sense/rapl.c and measure/sense/hwmon_gpus.c over measure/driver/powercap.c, hwmon.c and
 * sysfs.c: a tree of small files, which may be anybody's. A line of the input is one of them: its
 * path below the tree, a blank, and its content; "@PATH TARGET" is a link, "!PATH" a file that is
 * gone, and "--" the moment at which everything is read again, after which the lines change the
 * tree.
 */
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuzz.h"
#include "measure/sense/sense.h"

enum { MOST_FILES = 200, MOST_READS = 8 };

static int64_t now_ns;

static int64_t still(void)
{
    return now_ns;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st, (void)type, (void)place;
    return remove(path);
}

/* Nothing outside the tree: plain names only. */
static int is_plain(const char *path)
{
    return path[0] && path[0] != '/' && strlen(path) < 200 && !strstr(path, "..") &&
           !strstr(path, "//") &&
           strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.-/") ==
               strlen(path) &&
           path[strlen(path) - 1] != '/';
}

static void put(const char *tree, char *line)
{
    char path[400];
    char kind = line[0] == '@' || line[0] == '!' ? *line++ : ' ', *text = strchr(line, ' ');
    if (text)
        *text++ = '\0';
    if (!is_plain(line))
        return;
    snprintf(path, sizeof path, "%s/%s", tree, line);
    for (char *slash = path + strlen(tree) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    if (kind != ' ')
        unlink(path);
    if (kind == '@' && text && symlink(text, path))
        return;
    FILE *file = kind == ' ' ? fopen(path, "we") : NULL;
    if (file) {
        fputs(text ? text : "", file);
        fclose(file);
    }
}

struct source {
    const struct sense_source_ops *ops;
    void *source;
    uint64_t energy_mj[WT_MAX_DEVICES];
};

static void look(struct source *s)
{
    unsigned count = s->source ? s->ops->count(s->source) : 0;
    CHECK(count <= WT_MAX_DEVICES);
    for (unsigned i = 0; i < count; i++) {
        struct wt_device device = {0}, other;
        struct wt_error err = {0};
        CHECK(s->ops->device(s->source, i, &device, &err) == 0);
        CHECK(memchr(device.name, '\0', sizeof device.name) &&
              memchr(device.uuid, '\0', sizeof device.uuid));
        CHECK(device.uuid[0] && memchr(device.pci_address, '\0', sizeof device.pci_address));
        CHECK(device.has_energy_counter ? device.counter_tick_ns > 0 : device.power_tick_ns >= 0);
        for (unsigned k = 0; k < i; k++)
            CHECK(s->ops->device(s->source, k, &other, &err) == 0 &&
                  strcmp(other.uuid, device.uuid) != 0);
        struct wt_sample sample = {.energy_mj = 42, .quality = 77};
        int rc = device.has_energy_counter ? s->ops->energy(s->source, i, &sample, &err)
                                           : WT_E_NOT_SUPPORTED;
        if (rc == 0) {
            CHECK(sample.t_ns == now_ns && sample.lag_ns > 0 && sample.source == WT_SOURCE_COUNTER);
            /* RAPL's wraps are ours to undo; Intel's counters are the driver's */
            CHECK(s->ops != &sense_rapl || (sample.quality & WT_QUALITY_RESET) ||
                  sample.energy_mj >= s->energy_mj[i]);
            s->energy_mj[i] = sample.energy_mj;
        } else {
            CHECK(sample.energy_mj == 42 &&
                  sample.quality == 77); /* a failed read makes no sample */
            CHECK(!device.has_energy_counter || err.text[0]);
        }
        struct wt_state state = {.known = 12345};
        rc = s->ops->state(s->source, i, ~0u, &state, &err);
        CHECK(rc == 0 ? state.known && state.known < 1u << 9 : state.known == 12345 && err.text[0]);
        CHECK(rc || !(state.known & WT_STATE_UTILIZATION) || state.utilization_percent <= 100);
        CHECK(rc || !(state.known & WT_STATE_LIMIT) || state.limit_mw > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source sources[] = {{.ops = &sense_rapl}, {.ops = &sense_hwmon}};
    char tree[120], *all = fuzz_text(data, size), *rest = all;
    struct sense_options options = {.sysfs_path = tree};
    unsigned files = 0, reads = 0;
    bool opened = false;
    clock_use(still);
    now_ns = NS_PER_S;
    snprintf(tree, sizeof tree, "%s/tree", fuzz_folder());
    CHECK(mkdir(tree, 0700) == 0);
    for (char *line;
         files < MOST_FILES && reads < MOST_READS && (line = rest ? fuzz_line(&rest) : NULL);) {
        if (strcmp(line, "--") != 0) {
            put(tree, line);
            files++;
        }
        if (strcmp(line, "--") != 0 && rest)
            continue;
        for (unsigned s = 0; s < 2; s++) {
            struct wt_error err = {0};
            int rc = opened ? 0 : sources[s].ops->open(&options, &sources[s].source, &err);
            CHECK(rc == 0 || (rc == WT_E_NO_DEVICE && err.text[0] && !sources[s].source));
            look(&sources[s]);
        }
        opened = true;
        reads++;
        now_ns += NS_PER_S;
    }
    for (unsigned s = 0; s < 2; s++)
        if (sources[s].source)
            sources[s].ops->close(sources[s].source);
    nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(all);
    return 0;
}
