/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of the fuzz targets.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    CHECK(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

char *fuzz_line(char **text)
{
    char *line = *text, *end = line ? strchr(line, '\n') : NULL;
    *text = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return line;
}

static char folder[64], file[80];
static int fd;
static pid_t owner;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st, (void)type, (void)place;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner)
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void)
{
    if (!folder[0]) {
        /* In memory: a disk would make thousands of runs into tens. */
        snprintf(folder, sizeof folder, "%s/wattune-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
        CHECK(mkdtemp(folder));
        owner = getpid();
        atexit(remove_folder);
    }
    return folder;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    if (!file[0]) {
        snprintf(file, sizeof file, "%s/input", fuzz_folder());
        fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
    }
    CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    return file;
}

int fuzz_is_utf8(const char *text)
{
    /* first byte from..to, second byte from..to, bytes altogether */
    static const unsigned char rows[][5] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    const unsigned char *b = (const unsigned char *)text;
    while (*b) {
        size_t r = 0, most = sizeof rows / sizeof rows[0];
        while (r < most && (*b < rows[r][0] || *b > rows[r][1]))
            r++;
        if (r == most || (rows[r][4] > 1 && (b[1] < rows[r][2] || b[1] > rows[r][3])))
            return 0;
        for (unsigned i = 2; i < rows[r][4]; i++)
            if (b[i] < 0x80 || b[i] > 0xbf)
                return 0;
        b += rows[r][4];
    }
    return 1;
}
