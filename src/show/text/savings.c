/* SPDX-License-Identifier: Apache-2.0
 *
 * Savings, in words.  A difference within its error is no saving, and no saving is claimed without
 * a measurement.
 */
#include "show/text/view.h"

#include <math.h>

#include "base/text.h"
#include "show/text/setting.h"
#include "show/text/table.h"

/* "18.0 % +- 1.2 %", of a difference whose sign is a word. */
static void put_difference(struct buffer *out, double difference, double error)
{
    char value[UNIT_SIZE], bound[UNIT_SIZE];
    buffer_print(out, "%s", unit_percent(value, fabs(difference)));
    if (isfinite(error))
        buffer_print(out, " +- %s", unit_percent(bound, error));
    else
        buffer_print(out, " (error unknown)");
}

/* All steps ran at the baseline's limit; a run that only ended at it has saved or lost something.
 */
static bool was_kept(const struct wt_savings *s, struct wt_setting setting)
{
    return setting_same(setting, s->baseline) && !(fabs(s->energy_fraction - 1) > 0);
}

static void put_energy(struct buffer *out, const struct wt_savings *s, struct wt_setting setting,
                       bool colour)
{
    char limit[UNIT_SIZE];
    double saved = 1 - s->energy_fraction;
    unit_setting(limit, s->baseline);
    if (was_kept(s, setting)) {
        buffer_print(out, "Nothing saved: the limit found at the start, %s, was kept.", limit);
    } else if (isfinite(s->energy_fraction_error) && fabs(saved) <= s->energy_fraction_error) {
        buffer_print(out, "No saving beyond the error of measurement: a step takes ");
        put_difference(out, saved, s->energy_fraction_error);
        buffer_print(out, " %s energy than at the baseline of %s.", saved < 0 ? "more" : "less",
                     limit);
    } else if (saved <= 0) {
        buffer_print(out, "Nothing saved: a step takes ");
        put_difference(out, saved, s->energy_fraction_error);
        buffer_print(out, " more energy than at the baseline of %s.", limit);
    } else {
        buffer_print(out, "%sSaved ", paint(colour, 'g'));
        put_difference(out, saved, s->energy_fraction_error);
        buffer_print(out, " of the energy per step%s, against the baseline measured at %s.",
                     paint(colour, '0'), limit);
    }
}

static void put_time(struct buffer *out, const struct wt_savings *s, struct wt_setting setting)
{
    double longer = s->time_fraction - 1;
    if (was_kept(s, setting))
        return;
    if (!isfinite(longer)) {
        buffer_print(out, " The change in time per step is unknown.");
        return;
    }
    bool within = isfinite(s->time_fraction_error) && fabs(longer) <= s->time_fraction_error;
    buffer_print(out,
                 within ? " Steps take as long as before, within the error (" : " Steps take ");
    put_difference(out, longer, s->time_fraction_error);
    buffer_print(out, within ? ")." : longer < 0 ? " less time." : " longer.");
}

bool view_is_unfinished(const struct wt_trial *trial)
{
    const struct wt_trial_outcome *o = &trial->outcome;
    return trial->profile.count && o->note[0] && !isfinite(o->savings.energy_fraction);
}

void view_savings(struct buffer *out, const struct wt_trial *trial, bool colour)
{
    const struct wt_savings *s = &trial->outcome.savings;
    if (trial->outcome.not_started) {
        text_escape(out, trial->outcome.note);
        buffer_print(out, ".\n");
        return;
    }
    if (trial->outcome.note[0]) {
        if (!trial->outcome.early_stopped ||
            trial->outcome.reached == 0) /* else it begins with the budget that ended the run */
            buffer_print(out,
                         isfinite(s->energy_fraction) ? "Tuning ended early: " : "Not tuned: ");
        text_escape(out, trial->outcome.note);
        buffer_print(out, ".\n");
    }
    if (!trial->outcome.ended) {
        buffer_print(out, "The trial has not ended: it runs, or its run was killed.\n");
        return;
    }
    if (view_is_unfinished(trial)) {
        buffer_print(out, "Savings are unknown: the profile was not finished.\n");
        return;
    }
    if (!s->baseline.value || !isfinite(s->energy_fraction)) {
        buffer_print(out, "Savings are unknown: the baseline was not measured.\n");
        return;
    }
    put_energy(out, s, trial->outcome.setting, colour);
    put_time(out, s, trial->outcome.setting);
    buffer_print(out, "\n");
}
