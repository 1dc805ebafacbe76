/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns of the ledger's tables, one row each: X(column, kind, field).  The row gives the name in
 * SQL, its question mark, the bind and the read, in the same order everywhere; a new column is one
 * row here and one line in a migration.
 *
 * A kind is how a field of C is kept (NULL is unknown):
 *   id      int64_t, 0: NULL                   integer int64_t
 *   count   uint64_t                           number  uint32_t or unsigned, kept as it is
 *   known   uint32_t or unsigned, 0: NULL      real    double, not finite: NULL
 *   years   double, not above 0: NULL          text    char[], empty: NULL
 *   name    char[], kept as it is              flag    bool
 *   maybe   int, negative: NULL (reads -1)     code    int, NULL reads -1
 *   source  enum wt_source, as a word          knob    enum wt_knob
 * and, written alone,
 *   kind    enum wt_device_kind                selector enum wt_selector
 * or read alone,
 *   shared  const char *, interned by the reader's own share_text(); NULL: there is no memory
 *   counted bool: the source is a counter
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_COLUMNS_H
#define WATTUNE_ACCOUNT_LEDGER_COLUMNS_H

/* --- A trial --- */

/* Table trials; written when a trial begins. */
#define TRIAL_IDENTITY(X)                                                                          \
    X(started_ms, integer, identity.started_ms)                                                    \
    X(state_id, id, identity.state_id)

/* Table trials; written when it begins, and again when it ends. */
#define TRIAL_PLAN(X)                                                                              \
    X(batch_size, known, outcome.batch_size)                                                       \
    X(knob, knob, outcome.setting.knob)                                                            \
    X(setting, known, outcome.setting.value)                                                       \
    X(note, text, outcome.note)

/* Table trials; written when it ends. */
#define TRIAL_OUTCOME(X)                                                                           \
    X(time_s, real, outcome.time_s)                                                                \
    X(cost_j, real, outcome.cost_j)                                                                \
    X(steps, count, outcome.steps)                                                                 \
    X(epochs, count, outcome.epochs)                                                               \
    X(metric, real, outcome.metric)                                                                \
    X(reached, maybe, outcome.reached)                                                             \
    X(early_stopped, flag, outcome.early_stopped)                                                  \
    X(not_started, flag, outcome.not_started)                                                      \
    X(exit_code, code, outcome.exit_code)                                                          \
    X(baseline_knob, knob, outcome.savings.baseline.knob)                                          \
    X(baseline, known, outcome.savings.baseline.value)                                             \
    X(energy_fraction, real, outcome.savings.energy_fraction)                                      \
    X(time_fraction, real, outcome.savings.time_fraction)                                          \
    X(energy_fraction_error, real, outcome.savings.energy_fraction_error)                          \
    X(time_fraction_error, real, outcome.savings.time_fraction_error)

#define TRIAL_CARBON(X)                                                                            \
    X(intensity_g_per_kwh, real, carbon.intensity_g_per_kwh)                                       \
    X(operational_g, real, carbon.operational_g)                                                   \
    X(market_g, real, carbon.market_g)                                                             \
    X(embodied_g, real, carbon.embodied_g)                                                         \
    X(embodied_useful_g, real, carbon.embodied_useful_g)

/* Table trial_parts, of each part, once the trial has ended; and table trials, of all parts
 * together: a report over a million runs reads no parts. */
#define TRIAL_PART(X)                                                                              \
    X(energy_j, real, part.energy_j)                                                               \
    X(energy_error_j, real, part.energy_error_j)                                                   \
    X(sensor_error_fraction, real, part.sensor_error_fraction)                                     \
    X(cpu_energy_j, real, part.cpu_energy_j)                                                       \
    X(dram_energy_j, real, part.dram_energy_j)                                                     \
    X(busy_s, real, part.busy_s)                                                                   \
    X(source, source, part.source)

/* Table places, of struct place in places.c. */
#define PLACE(X)                                                                                   \
    X(phase, name, phase)                                                                          \
    X(project, text, project)                                                                      \
    X(user, text, user)                                                                            \
    X(node, text, node)                                                                            \
    X(gpu_model, text, gpu_model)                                                                  \
    X(gpu_count, number, gpu_count)

/* The columns of a place that a trial gets back. */
#define TRIAL_PLACE(X)                                                                             \
    X(phase, name, identity.phase)                                                                 \
    X(project, text, identity.project)                                                             \
    X(user, text, identity.user)                                                                   \
    X(node, text, identity.node)

/* Table factors, of struct wt_carbon. */
#define FACTOR(X)                                                                                  \
    X(pue, real, pue)                                                                              \
    X(intensity_source, text, intensity_source)                                                    \
    X(embodied_source, text, embodied_source)                                                      \
    X(pue_source, text, pue_source)                                                                \
    X(location, text, location)                                                                    \
    X(lifetime_years, years, lifetime_years)

/* --- Below a trial or a profile --- */

/* Table devices, of struct ledger_device_energy. */
#define DEVICE(X)                                                                                  \
    X(kind, kind, kind)                                                                            \
    X(device_index, number, index)                                                                 \
    X(uuid, text, uuid)                                                                            \
    X(name, text, name)

/* Tables trial_points and profile_points, of struct wt_profile_point. */
#define POINT(X)                                                                                   \
    X(knob, knob, setting.knob)                                                                    \
    X(setting, number, setting.value)                                                              \
    X(steps, count, steps)                                                                         \
    X(time_per_step_s, real, time_per_step_s)                                                      \
    X(energy_per_step_j, real, energy_per_step_j)                                                  \
    X(energy_error_j, real, energy_error_j)                                                        \
    X(time_error_s, real, time_error_s)                                                            \
    X(throttled, flag, throttled)

/* Table measurements, of struct ledger_device_energy. */
#define MEASUREMENT(X)                                                                             \
    X(energy_j, real, energy_j)                                                                    \
    X(energy_error_j, real, energy_error_j)                                                        \
    X(source, source, source)                                                                      \
    X(begin_ms, integer, begin_ms)                                                                 \
    X(end_ms, integer, end_ms)

/* Table trial_hours, of struct ledger_hour. */
#define HOUR(X)                                                                                    \
    X(hour, integer, hour)                                                                         \
    X(energy_j, real, energy_j)                                                                    \
    X(busy_s, real, busy_s)                                                                        \
    X(intensity_g_per_kwh, real, intensity_g_per_kwh)

/* --- The rest --- */

/* Table stretches, of struct wt_stretch. */
#define STRETCH(X)                                                                                 \
    X(end_ms, integer, end_ms)                                                                     \
    X(in_use, maybe, in_use)                                                                       \
    X(energy_j, real, energy_j)                                                                    \
    X(energy_error_j, real, energy_error_j)                                                        \
    X(source, source, source)                                                                      \
    X(busy_s, real, busy_s)                                                                        \
    X(intensity_g_per_kwh, real, carbon.intensity_g_per_kwh)                                       \
    X(operational_g, real, carbon.operational_g)                                                   \
    X(embodied_g, real, carbon.embodied_g)

/* Tables profiles and states: the GPUs of struct wt_profile_key. */
#define KEY_GPUS(X)                                                                                \
    X(gpu_model, name, gpu_model)                                                                  \
    X(gpu_count, number, gpu_count)                                                                \
    X(limit_min_mw, known, limit_min_mw)                                                           \
    X(limit_max_mw, known, limit_max_mw)

#define PROFILE_KEY(X)                                                                             \
    X(batch_size, known, batch_size)                                                               \
    KEY_GPUS(X)

/* Table states: columns for whoever asks in SQL; the program itself reads the key alone. */
#define STATE_IDENTITY(X)                                                                          \
    X(metric, text, metric)                                                                        \
    X(at_least, flag, at_least)                                                                    \
    X(target, real, target)                                                                        \
    X(max_epochs, known, max_epochs)                                                               \
    X(default_size, known, default_size)                                                           \
    X(selector, selector, preference.selector)                                                     \
    X(eta, real, preference.eta)                                                                   \
    X(max_slowdown, real, preference.max_slowdown)                                                 \
    X(profile_only, flag, profile_only)                                                            \
    X(carbon_aware, flag, carbon_aware)                                                            \
    X(observed, flag, observed)                                                                    \
    X(beta, real, beta)                                                                            \
    X(window_length, number, window)                                                               \
    X(seed, count, seed)                                                                           \
    X(learning_rate, years, learning_rate)                                                         \
    X(optimizer, text, optimizer)

/* Table trials, of struct wt_trial: the few fields that decisions go by (SQL_OUTLINES). */
#define OUTLINE(X)                                                                                 \
    X(batch_size, known, outcome.batch_size)                                                       \
    X(ended, flag, outcome.ended)                                                                  \
    X(time_s, real, outcome.time_s)                                                                \
    X(knob, knob, outcome.setting.knob)                                                            \
    X(setting, known, outcome.setting.value)                                                       \
    X(energy_j, real, part.energy_j)                                                               \
    X(cost_j, real, outcome.cost_j)                                                                \
    X(steps, count, outcome.steps)                                                                 \
    X(epochs, count, outcome.epochs)                                                               \
    X(reached, maybe, outcome.reached)                                                             \
    X(early_stopped, flag, outcome.early_stopped)                                                  \
    X(exit_code, code, outcome.exit_code)                                                          \
    X(note, text, outcome.note)                                                                    \
    X(baseline_knob, knob, outcome.savings.baseline.knob)                                          \
    X(baseline, known, outcome.savings.baseline.value)                                             \
    X(state_id, id, identity.state_id)                                                             \
    X(not_started, flag, outcome.not_started)

/* Sums over the tries of a recurrence, grouped from table trials (SQL_RECURRENCES), of struct
 * wt_recurrence.  One unknown try makes a sum unknown. */
#define RECURRENCE(X)                                                                              \
    X(recurrence, number, recurrence)                                                              \
    X(count(*), number, tries)                                                                     \
    X(CASE WHEN max(reached) = 1 THEN 1 WHEN min(ended) = 0 THEN NULL ELSE max(reached) END,       \
      maybe, reached)                                                                              \
    X(CASE WHEN count(energy_j) = count(*) THEN sum(energy_j) END, real, energy_j)                 \
    X(CASE WHEN count(time_s) = count(*) THEN sum(time_s) END, real, time_s)                       \
    X(CASE WHEN count(cost_j) = count(*) THEN sum(cost_j) END, real, cost_j)

/* Table jobs, joined with sums over its trials (SQL_JOB_ROWS), of struct wt_job_row. */
#define JOB_ROW(X)                                                                                 \
    X(j.name, name, job)                                                                           \
    X(place.phase, name, phase)                                                                    \
    X(place.project, text, project)                                                                \
    X(s.recurrences, number, recurrences)                                                          \
    X(s.trials, number, trials)                                                                    \
    X(s.unended, number, unended)                                                                  \
    X(last.started_ms, integer, last_started_ms)                                                   \
    X(s.energy_j, real, energy_j)                                                                  \
    X(s.energy_unknown, number, energy_unknown)                                                    \
    X(s.time_s, real, time_s)                                                                      \
    X(best.energy_fraction, real, best_energy_fraction)                                            \
    X(best.energy_fraction_error, real, best_energy_fraction_error)

/* Table trials as t, of struct run_share in sums.h: a run as reports take it. */
#define REPORT_RUN(X)                                                                              \
    X(t.place_id, integer, place_id)                                                               \
    X(t.job_id, integer, job_id)                                                                   \
    X(t.factor_id, integer, factor_id)                                                             \
    X(t.started_ms, integer, started_ms)                                                           \
    X(t.ended, flag, ended)                                                                        \
    X(t.time_s, real, time_s)                                                                      \
    X(t.busy_s, real, busy_s)                                                                      \
    X(t.energy_j, real, gpu_j)                                                                     \
    X(t.cpu_energy_j, real, cpu_j)                                                                 \
    X(t.dram_energy_j, real, dram_j)                                                               \
    X(t.intensity_g_per_kwh, real, intensity_g_per_kwh)                                            \
    X(t.operational_g, real, operational_g)                                                        \
    X(t.market_g, real, market_g)                                                                  \
    X(t.embodied_g, real, embodied_g)                                                              \
    X(t.embodied_useful_g, real, embodied_useful_g)                                                \
    X(t.energy_fraction, real, energy_fraction)                                                    \
    X(t.energy_fraction_error, real, energy_fraction_error)                                        \
    X(t.source, source, source)                                                                    \
    X(t.energy_error_j, real, gpu_error_j)

/* Table trial_hours as h, of struct used_hour in sums_read.c. */
#define REPORT_HOUR(X)                                                                             \
    X(h.hour, integer, hour)                                                                       \
    X(h.device_id, integer, device_id)                                                             \
    X(h.energy_j, real, energy_j)                                                                  \
    X(h.busy_s, real, busy_s)                                                                      \
    X(h.intensity_g_per_kwh, real, intensity_g_per_kwh)

/* Table places, of struct place in sums.h. */
#define REPORT_PLACE(X)                                                                            \
    X(phase, shared, keys[WT_BY_PHASE])                                                            \
    X(project, shared, keys[WT_BY_PROJECT])                                                        \
    X(user, shared, keys[WT_BY_USER])                                                              \
    X(node, shared, keys[WT_BY_NODE])                                                              \
    X(gpu_model, shared, keys[WT_BY_GPU])                                                          \
    X(gpu_count, number, gpu_count)

/* Table factors, of struct factor in sums.h. */
#define REPORT_FACTOR(X)                                                                           \
    X(pue, real, pue)                                                                              \
    X(intensity_source, shared, intensity_source)                                                  \
    X(embodied_source, shared, embodied_source)                                                    \
    X(pue_source, shared, pue_source)                                                              \
    X(lifetime_years, real, lifetime_years)

/* Table devices, of struct wt_fleet_device. */
#define FLEET_DEVICE(X)                                                                            \
    X(device_index, number, index)                                                                 \
    X(uuid, text, uuid)                                                                            \
    X(name, text, name)

/* Table measurements, of struct attributed_run. */
#define FLEET_RUN(X)                                                                               \
    X(begin_ms, integer, begin_ms)                                                                 \
    X(end_ms, integer, end_ms)                                                                     \
    X(energy_j, real, energy_j)

/* Table stretches with their factors, of struct attributed_stretch. */
#define FLEET_STRETCH(X)                                                                           \
    X(begin_ms, integer, begin_ms)                                                                 \
    X(end_ms, integer, end_ms)                                                                     \
    X(in_use, maybe, in_use)                                                                       \
    X(energy_j, real, energy_j)                                                                    \
    X(energy_error_j, real, energy_error_j)                                                        \
    X(source, counted, counted)                                                                    \
    X(busy_s, real, busy_s)                                                                        \
    X(operational_g, real, operational_g)                                                          \
    X(embodied_g, real, embodied_g)                                                                \
    X(pue, real, pue)

/* --- Uses of a row --- */

/* Texts of SQL; each begins with a comma or an AND, to follow another column or condition. */
#define SQL_NAME(column, kind, field) ", " #column
#define SQL_MARK(column, kind, field) ", ?"
#define SQL_SET(column, kind, field) ", " #column " = ?"
#define SQL_EXCLUDED(column, kind, field) ", " #column " = excluded." #column
/* NULL is a value like another here, as in the tables' unique indices over expressions. */
#define SQL_SAME(column, kind, field) " AND " SQL_SAME_##kind(column)
#define SQL_SAME_text(column) "coalesce(" #column ", '') = coalesce(?, '')"
#define SQL_SAME_real(column) "coalesce(" #column ", 0) = coalesce(?, 0)"
#define SQL_SAME_years SQL_SAME_real
#define SQL_SAME_known SQL_SAME_real
#define SQL_SAME_name(column) #column " = ?"
#define SQL_SAME_number SQL_SAME_name
#define SQL_SAME_kind SQL_SAME_name

/* Binds and reads, of `query` and the struct that `row` points to. */
#define PUT(column, kind, field) PUT_##kind(query, row->field);
#define PUT_id query_put_id
#define PUT_integer query_put_int
#define PUT_count query_put_count
#define PUT_number query_put_int
#define PUT_known query_put_known
#define PUT_real query_put_real
#define PUT_years(query, value) query_put_real(query, (value) > 0 ? (value) : (double)NAN)
#define PUT_text query_put_known_text
#define PUT_name query_put_text
#define PUT_flag query_put_int
#define PUT_maybe query_put_maybe
#define PUT_code query_put_int
#define PUT_source(query, value) query_put_known_text(query, ledger_sources[value])
#define PUT_kind(query, value) query_put_text(query, ledger_kinds[value])
#define PUT_knob query_put_int
#define PUT_selector(query, value) query_put_text(query, ledger_selectors[value])

#define GET(column, kind, field) GET_##kind(query, row->field);
#define GET_id(query, field) (field) = query_int(query, 0)
#define GET_integer GET_id
#define GET_count(query, field) (field) = (uint64_t)query_int(query, 0)
#define GET_number(query, field) (field) = query_u32(query)
#define GET_known GET_number
#define GET_real(query, field) (field) = query_real(query)
#define GET_years(query, field) (field) = fmax(query_real(query), 0) /* NaN becomes 0 */
#define GET_text(query, field) query_text(query, field, sizeof(field))
#define GET_name GET_text
#define GET_flag(query, field) (field) = query_int(query, 0) != 0
#define GET_maybe(query, field) (field) = (int)query_int(query, -1)
#define GET_code GET_maybe
#define GET_source(query, field) (field) = query_source(query)
#define GET_knob(query, field) (field) = query_knob(query)
#define GET_shared(query, field) (field) = share_text(query)
#define GET_counted(query, field) (field) = query_source(query) == WT_SOURCE_COUNTER

#endif
