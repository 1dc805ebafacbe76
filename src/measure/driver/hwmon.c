/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's hwmon class: one pass over its folder.
 */
#include "measure/driver/hwmon.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill_device(struct hwmon_chip *chip)
{
    char link[SYSFS_PATH_LEN + 16], target[PATH_MAX];
    snprintf(link, sizeof link, "%s/device", chip->path);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n <= 0)
        return;
    target[n] = '\0';
    const char *slash = strrchr(target, '/'), *last = slash ? slash + 1 : target;
    if (strlen(last) < sizeof chip->device)
        memcpy(chip->device, last, strlen(last) + 1);
}

static int by_device(const void *a, const void *b)
{
    const struct hwmon_chip *x = a, *y = b;
    int order = strcmp(x->device, y->device);
    return order ? order : strcmp(x->path, y->path);
}

unsigned hwmon_chips(const char *sysfs, struct hwmon_chip chips[], unsigned capacity)
{
    char class_path[SYSFS_PATH_LEN];
    unsigned count = 0;
    if (snprintf(class_path, sizeof class_path, "%s/class/hwmon", sysfs) >= (int)sizeof class_path)
        return 0;
    DIR *folder = opendir(class_path);
    if (!folder)
        return 0;
    for (struct dirent *entry; count < capacity && (entry = readdir(folder));) {
        struct hwmon_chip chip = {0};
        if (strncmp(entry->d_name, "hwmon", 5) != 0 ||
            snprintf(chip.path, sizeof chip.path, "%s/%s", class_path, entry->d_name) >=
                (int)sizeof chip.path ||
            hwmon_read_line(&chip, "name", chip.name, sizeof chip.name, NULL))
            continue;
        fill_device(&chip);
        chips[count++] = chip;
    }
    closedir(folder);
    qsort(chips, count, sizeof chips[0], by_device);
    return count;
}

static int path_of(const struct hwmon_chip *chip, const char *file, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s", chip->path, file) < PATH_MAX ? 0 : WT_E_RANGE;
}

int hwmon_read_u64(const struct hwmon_chip *chip, const char *file, uint64_t *value,
                   struct wt_error *err)
{
    char path[PATH_MAX];
    return path_of(chip, file, path)
               ? error_set(err, WT_E_RANGE, "the path of %s is too long", file)
               : sysfs_read_u64(path, value, err);
}

int hwmon_read_line(const struct hwmon_chip *chip, const char *file, char text[], size_t size,
                    struct wt_error *err)
{
    char path[PATH_MAX];
    return path_of(chip, file, path)
               ? error_set(err, WT_E_RANGE, "the path of %s is too long", file)
               : sysfs_read_line(path, text, size, err);
}

bool hwmon_has(const struct hwmon_chip *chip, const char *file)
{
    char path[PATH_MAX];
    return path_of(chip, file, path) == 0 && access(path, F_OK) == 0;
}
