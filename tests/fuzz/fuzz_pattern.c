/* SPDX-License-Identifier: Apache-2.0
 *
 * measure/progress/pattern.c: the first three lines are the step, metric and epoch patterns (empty:
 * none), the rest is the training's output.  Every way of cutting it into pieces gives the same.
 */
#include <math.h>

#include "fuzz.h"
#include "measure/progress/pattern.h"

enum {
    PATTERN_MOST = 48,
    OUTPUT_MOST = 2048
}; /* hostile backtracking is bounded per line, not per run */

static const char *or_none(const char *line)
{
    return line && *line ? line : NULL;
}

static struct wt_progress fed(const struct pattern_options *options, const char *bytes,
                              size_t length, size_t piece)
{
    struct pattern *pattern = NULL;
    struct wt_progress progress, before = {.metric = NAN};
    CHECK(pattern_new(&pattern, options, NULL) == 0);
    for (size_t at = 0; at < length; at += piece) {
        size_t n = length - at < piece ? length - at : piece;
        pattern_feed(pattern, 0, bytes + at, n, (int64_t)at + 1);
        pattern_read(pattern, &progress);
        CHECK(progress.steps >= before.steps && progress.epochs >= before.epochs &&
              progress.t_ns >= before.t_ns);
        before = progress;
    }
    pattern_finish(pattern);
    pattern_read(pattern, &progress);
    CHECK(pattern_free(pattern) == NULL);
    return progress;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *rest = text;
    char *step = fuzz_line(&rest), *metric = fuzz_line(&rest), *epoch = fuzz_line(&rest);
    struct pattern_options options = {or_none(step), or_none(metric), or_none(epoch), "loss"};
    struct pattern *pattern = NULL;
    struct wt_error err = {0};
    if (strlen(step) > PATTERN_MOST || (metric && strlen(metric) > PATTERN_MOST) ||
        (epoch && strlen(epoch) > PATTERN_MOST))
        goto done;
    int rc = pattern_new(&pattern, &options, &err);
    pattern_free(pattern);
    if (rc) {
        CHECK(rc == WT_E_PARSE && err.text[0] && !pattern);
        goto done;
    }
    size_t length = rest ? size - (size_t)(rest - text) : 0;
    if (length > OUTPUT_MOST)
        length = OUTPUT_MOST;
    const char *bytes = rest ? rest : "";
    struct wt_progress whole = fed(&options, bytes, length, length ? length : 1);
    CHECK(!isinf(whole.metric) && (whole.epochs || isnan(whole.metric)));
    CHECK(strcmp(whole.metric_name, "loss") == 0);
    CHECK(options.step || whole.steps == 0);
    static const size_t pieces[] = {1, 7};
    for (unsigned i = 0; i < 2; i++) {
        struct wt_progress same = fed(&options, bytes, length, pieces[i]);
        CHECK(same.steps == whole.steps && same.epochs == whole.epochs);
        CHECK(same.metric == whole.metric || (isnan(same.metric) && isnan(whole.metric)));
    }
done:
    free(text);
    return 0;
}
