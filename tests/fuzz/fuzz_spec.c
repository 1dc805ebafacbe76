/* SPDX-License-Identifier: Apache-2.0
 *
 * vgpu/spec.c: both grammars.  An input with a line break is a machine file, any other a list of
 * models.  An accepted SPEC is a machine that can be built; a refusal has a sentence.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

#include "fuzz.h"
#include "spec.h"

static void gpu(const struct spec_gpu *g)
{
    const struct vgpu_model *model = model_at(g->model);
    CHECK(model && g->limit_mw >= model->min_limit_mw && g->limit_mw <= model->max_limit_mw);
    CHECK(g->uuid[0] == '\0' || strlen(g->uuid) == SPEC_UUID_LEN);
    CHECK(g->fault_count <= SPEC_MAX_FAULTS);
    for (unsigned i = 0; i < g->fault_count; i++) {
        const struct fault *f = &g->faults[i];
        CHECK(f->kind <= FAULT_UNLOAD && f->at_ns >= 0 && f->at_ns <= INT64_C(1000000000000000));
        CHECK(isfinite(f->value) && f->value >= 0 && f->value <= 1e6);
        CHECK(memchr(f->function, '\0', sizeof f->function));
        CHECK(f->kind != FAULT_UNSUPPORTED || strncmp(f->function, "nvml", 4) == 0);
    }
}

static void machine(const struct spec *spec)
{
    CHECK(spec->gpu_count >= 1 && spec->gpu_count <= SPEC_MAX_GPUS);
    CHECK(spec->time_scale >= 0.01 && spec->time_scale <= 1000);
    CHECK((spec->mode & 0600) == 0600 && (spec->mode & ~0666u) == 0);
    CHECK(spec->identity[0] && memchr(spec->identity, '\0', sizeof spec->identity));
    CHECK(memchr(spec->state_path, '\0', sizeof spec->state_path));
    for (unsigned i = 0; i < spec->gpu_count; i++) {
        gpu(&spec->gpus[i]);
        for (unsigned k = 0; k < i; k++)
            CHECK(!spec->gpus[i].uuid[0] || strcmp(spec->gpus[i].uuid, spec->gpus[k].uuid) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct spec spec, again;
    char message[400] = "";
    bool is_file = memchr(data, '\n', size) != NULL;
    char *text = fuzz_text(data, size);
    if (!is_file &&
        (strchr(text, '/') || text[0] == '.')) { /* a path of this machine: not ours to read */
        free(text);
        return 0;
    }
    CHECK(chdir(fuzz_folder()) == 0);
    const char *name = is_file ? fuzz_file(data, size) : text;
    int rc = spec_parse(name, &spec, message, sizeof message);
    CHECK(rc == 0 || (rc == -EINVAL && message[0]));
    if (rc == 0) {
        machine(&spec);
        CHECK(spec.is_file == is_file);
        /* A list's identity is a list itself, of the same machine. */
        if (!is_file) {
            CHECK(spec_parse(spec.identity, &again, message, sizeof message) == 0);
            CHECK(strcmp(spec.identity, again.identity) == 0 && spec.gpu_count == again.gpu_count);
        }
    }
    free(text);
    return 0;
}
