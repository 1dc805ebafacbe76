/* SPDX-License-Identifier: Apache-2.0
 *
 * tune/decide/batch_size.c: a state out of bytes that somebody may have changed.  An accepted state
 * is written back unchanged, and goes on without harm.
 */
#include "fuzz.h"
#include "tune/decide/batch_size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char again[BATCH_SIZE_BYTES_MOST];
    static struct random_normals normals;
    static struct batch_size state;
    struct batch_size_claim held;
    struct wt_error err = {0};
    if (!normals.width[0])
        random_normals_init(&normals);
    int rc = batch_size_decode(data, size, &state, &err);
    if (rc) {
        CHECK((rc == WT_E_PARSE || rc == WT_E_VERSION) && err.text[0]);
        return 0;
    }
    CHECK(batch_size_encode(&state, again) == size && memcmp(again, data, size) == 0);
    for (unsigned i = 0; i < 40; i++) {
        if (batch_size_claim(&state, &normals, i, 10, &held, &err) == 0)
            CHECK(held.size < state.count);
        struct batch_size_result result = {true, 1 + i % 7, i % 3 > 0, i % 5};
        if (state.claim_count)
            batch_size_report(&state, &normals, state.claims[i % state.claim_count].id, &result,
                              &held, &err);
        batch_size_lapse(&state, i);
        CHECK(state.claim_count <= BATCH_CLAIMS_MOST);
    }
    return 0;
}
