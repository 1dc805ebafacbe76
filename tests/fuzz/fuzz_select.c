/* SPDX-License-Identifier: Apache-2.0
 *
 * measure/sense/select.c over devices of our own: the first line is CUDA_DEVICE_ORDER, the second
 * CUDA_VISIBLE_DEVICES, the third --gpus (empty lines: not given).  Each selected device exists,
 * answers, and is named once.
 */
#include "fuzz.h"
#include "measure/sense/sense.h"

enum { GPUS = 5 };
static struct wt_device devices[GPUS] = {
    {.index = 0,
     .uuid = "GPU-11111111-aaaa",
     .name = "V100",
     .pci_address = "00000000:01:00.0",
     .limit_max_mw = 250000},
    {.index = 1,
     .uuid = "GPU-11111111-bbbb",
     .name = "V100",
     .pci_address = "00000000:02:00.0",
     .limit_max_mw = 250000},
    {.index = 2}, /* lost */
    {.index = 3,
     .uuid = "GPU-22222222-cccc",
     .name = "A100",
     .pci_address = "00010000:01:00.0",
     .limit_max_mw = 400000},
    {.index = 4,
     .uuid = "GPU-33333333-dddd",
     .name = "V100",
     .pci_address = "00000000:03:00.0",
     .limit_max_mw = 300000},
};

/* The functions that select.c calls in its neighbour. */
unsigned sense_gpu_count(const struct sense *sense)
{
    (void)sense;
    return GPUS;
}

const struct wt_device *sense_device(const struct sense *sense, unsigned i)
{
    (void)sense;
    CHECK(i < GPUS);
    return &devices[i];
}

int sense_mig_parent(struct sense *sense, const char *mig_uuid, unsigned *i, struct wt_error *err)
{
    (void)sense;
    if (strncmp(mig_uuid, "MIG-5", 5) != 0)
        return error_set(err, WT_E_NO_DEVICE, "find the GPU of %.96s", mig_uuid);
    *i = mig_uuid[5] == '1';
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *rest = text;
    const char *order = fuzz_line(&rest), *visible = fuzz_line(&rest), *gpus = fuzz_line(&rest);
    unsigned selected[WT_MAX_DEVICES], count = 77;
    char words[256];
    struct wt_error err = {0};
    memset(words, 'x', sizeof words);
    memset(selected, 0xff, sizeof selected);
    gpus = gpus && *gpus ? gpus : NULL;
    int rc = sense_select(NULL, gpus, visible, order && *order ? order : NULL, selected, &count,
                          words, &err);
    if (rc) {
        CHECK((rc == WT_E_NO_DEVICE || rc == WT_E_DEVICE_LOST) && err.text[0]);
        CHECK(count == 77 && selected[0] == ~0u); /* outputs are untouched */
    } else {
        CHECK(count >= 1 && count <= GPUS && memchr(words, '\0', sizeof words));
        for (unsigned i = 0; i < count; i++) {
            CHECK(selected[i] < GPUS && devices[selected[i]].uuid[0]);
            for (unsigned k = 0; k < i; k++)
                CHECK(selected[k] != selected[i]);
        }
    }
    free(text);
    return 0;
}
