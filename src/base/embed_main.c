/* SPDX-License-Identifier: Apache-2.0
 *
 * A file as a C array, at build time: `embed NAME FILE` writes the definitions of NAME
 * (0-terminated) and NAME_size.  Not installed.
 */
#include <stdio.h>

int main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (!file) {
        fprintf(stderr, "usage: embed NAME FILE\n");
        return 2;
    }
    printf("/* Written by embed from a file of the source tree. */\n#include <stddef.h>\n"
           "extern const char %s[];\nextern const size_t %s_size;\nconst char %s[] = {",
           argv[1], argv[1], argv[1]);
    unsigned long size = 0;
    for (int c; (c = getc(file)) != EOF; size++)
        printf("%s%d,", size % 24 ? "" : "\n", c > 127 ? c - 256 : c);
    printf("0};\nconst size_t %s_size = %lu;\n", argv[1], size);
    int failed = ferror(file) || fflush(stdout);
    fclose(file);
    return failed ? 1 : 0;
}
