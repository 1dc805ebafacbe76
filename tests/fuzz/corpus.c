/* SPDX-License-Identifier: Apache-2.0
 *
 * A main() for the fuzz targets where there is no libFuzzer: runs the target once with every file
 * of the folder given, and with no bytes at all.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static void run_file(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *data = malloc(st.st_size ? (size_t)st.st_size : 1);
    CHECK(data && read(fd, data, (size_t)st.st_size) == (ssize_t)st.st_size);
    close(fd);
    LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
    free(data);
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    CHECK(argc == 2);
    DIR *dir = opendir(argv[1]);
    CHECK(dir);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            fprintf(stderr, "%s\n", entry->d_name); /* the last one named is the one that failed */
            run_file(dirfd(dir), entry->d_name);
            count++;
        }
    closedir(dir);
    printf("%u inputs\n", count);
    return count ? 0 : 1;
}
