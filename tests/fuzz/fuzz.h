/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of the fuzz targets: a check that ends the program, an input as text, an input as a file.
 * A target is one function; libFuzzer calls it millions of times with inputs of its own, and
 * corpus.c once with each kept file, so that a finding stays found under any compiler.
 */
#ifndef WATTUNE_TESTS_FUZZ_H
#define WATTUNE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that does not hold is a finding like a crash. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The bytes with a 0 behind them, in memory of exactly that size, so that reading on is detected.
 * The caller frees. */
char *fuzz_text(const uint8_t *data, size_t size);

/* Takes the text up to the first '\n' off *text, for targets that need several; NULL when nothing
 * is left. */
char *fuzz_line(char **text);

/* A file that holds the bytes; one path for the life of the process, in a folder of its own that
 * goes with it. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* That folder. */
const char *fuzz_folder(void);

/* Valid UTF-8 by the table of the Unicode standard (3-7), written apart from the code under test.
 */
int fuzz_is_utf8(const char *text);

#endif
