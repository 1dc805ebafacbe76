/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps that `wattune simulate` and `wattune pareto` share.
 */
#include "cli/simulate_options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "show/json/documents.h"
#include "show/page/page.h"
#include "show/text/view.h"

/* pareto has no rows for the policy. */
struct simulate_settings simulate_settings = {.sim = {.policy = "zeus", .beta = 2}};

bool simulate_has_trace(void)
{
    return simulate_settings.train || simulate_settings.power;
}

int simulate_need(const char *command, bool given, const char *option, struct wt_error *err)
{
    if (given)
        return 0;
    return error_set(err, WT_E_INVALID, "%s needs --%s; `wattune %s --help` lists the options",
                     command, option, command);
}

int simulate_need_trace(const char *command, bool target, struct wt_error *err)
{
    int rc = simulate_need(command, simulate_settings.train, "train", err);
    if (rc == 0)
        rc = simulate_need(command, simulate_settings.power, "power", err);
    if (rc == 0)
        rc = simulate_need(command, simulate_settings.job, "job", err);
    return rc ? rc : simulate_need(command, target, "target", err);
}

int simulate_open(struct study *study, const struct setup *setup, struct wt_error *err)
{
    const struct simulate_settings *settings = &simulate_settings;
    simulate_settings.sim.eta = config_number(setup->config, CONFIG_ETA);
    study->sim = malloc(sizeof *study->sim);
    if (!study->sim)
        return error_set(err, WT_E_NO_MEMORY, "out of memory");
    int rc = sim_trace_read(&study->trace, settings->train, settings->power, settings->job,
                            settings->target, err);
    return rc ? rc : sim_init(study->sim, &study->trace, &settings->sim, err);
}

void simulate_close(struct study *study)
{
    sim_trace_free(&study->trace);
    free(study->sim);
}

int simulate_write_figure(const struct wt_study *study, const struct wt_point points[],
                          unsigned count, const struct wt_choices *choices, struct wt_error *err)
{
    struct buffer figure = {0};
    const char *path = simulate_settings.svg;
    if (!path)
        return 0;
    page_study_svg(&figure, study, points, count, choices);
    int rc = figure.failed ? error_set(err, WT_E_NO_MEMORY, "out of memory")
                           : file_write(path, buffer_text(&figure), figure.length, 0644, err);
    buffer_clear(&figure);
    return rc;
}

int simulate_print(struct json_doc *doc, struct buffer *page)
{
    struct wt_error err;
    if (!simulate_settings.json)
        return command_print(page);
    int rc = json_write_stream(doc, JSON_PRETTY, stdout, &err);
    json_doc_free(doc);
    return rc ? command_failed(&err) : EXIT_DONE;
}

int simulate_failed(const struct wt_error *err)
{
    if (err->code != WT_E_NO_DATA)
        return command_failed(err);
    log_error("%s", err->text);
    return EXIT_TARGET;
}
