/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the ledger: transactions and statements without SQLite's types, for trials.c,
 * profiles.c, trials_each.c and the others.  A query takes its parameters and gives its columns in
 * the order of sql.c.
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_SQLITE_H
#define WATTUNE_ACCOUNT_LEDGER_SQLITE_H

#include <stdbool.h>

#include "account/ledger/ledger.h"
#include "account/ledger/sql.h"

struct query;

/* A transaction.  A writing one takes the write lock at once, so that its readings stay true
 * until it writes. */
int ledger_begin(struct ledger *ledger, bool write, struct wt_error *err);

/* Ends it: keeps everything when rc >= 0, nothing otherwise; returns rc, or the error of keeping
 * it. */
int ledger_finish(struct ledger *ledger, int rc, struct wt_error *err);

/* A statement ready for its first parameter; never NULL: its failure comes out of the next
 * step. */
struct query *ledger_query(struct ledger *ledger, enum ledger_sql which);

/* Parameters, in order.  "known" ones turn 0, an empty text or a number that is not finite into
 * NULL. */
void query_put_int(struct query *query, int64_t value);
void query_put_count(struct query *query, uint64_t value); /* above INT64_MAX: INT64_MAX */
void query_put_known(struct query *query, uint32_t value);
void query_put_id(struct query *query, int64_t value); /* 0: NULL */
void query_put_maybe(struct query *query, int value);  /* negative: NULL; else 0 or 1 */
void query_put_real(struct query *query, double value);
void query_put_bytes(struct query *query, const void *bytes, size_t length);
void query_put_text(struct query *query, const char *text);
void query_put_known_text(struct query *query, const char *text);

/* 1: a row is there; 0: no more, and the statement is done.  */
int query_step(struct query *query, struct wt_error *err);

/* Takes the statement to its end; for those that give no rows. */
int query_run(struct query *query, struct wt_error *err);

/* Leaves a statement before its last row.  Without this it would hold its read lock. */
void query_leave(struct query *query);

/* Columns of the row, in order; NULL comes back as 0, NaN, "" or `unknown`. */
int64_t query_int(struct query *query, int64_t unknown);
uint32_t query_u32(struct query *query);
double query_real(struct query *query);
void query_text(struct query *query, char *text, size_t size);
size_t query_bytes(struct query *query, void *bytes,
                   size_t size); /* how many there are; more than `size`: none is copied */

/* Words and knobs; one that is not known comes back as the first of its kind. */
enum wt_source query_source(struct query *query);
enum wt_knob query_knob(struct query *query);

/* Runs statements of a migration. */
int ledger_run_sql(struct ledger *ledger, const char *sql, struct wt_error *err);

int64_t ledger_last_id(struct ledger *ledger);
int ledger_changes(struct ledger *ledger); /* rows that the last statement changed */

/* path.c: looks at the path before SQLite does: its sentences name the fault. */
int ledger_check_path(const char *path, unsigned flags, struct wt_error *err);

/* The file lies in a folder where this user cannot make the files that SQLite shares with writers,
 * and no writer has it open: it may be read as it is.  A writer that comes while a report reads
 * could still spoil that report (never the ledger); without this, nobody but its owner could ever
 * read it. */
bool ledger_at_rest(const char *path);

/* Words for enum wt_device_kind, enum wt_source and enum wt_selector. */
extern const char *const ledger_kinds[WT_DEVICE_DRAM + 1];
extern const char *const ledger_sources[WT_SOURCE_REPLAYED + 1];
extern const char *const ledger_selectors[WT_SELECT_MAX_SLOWDOWN + 1];

/* trials.c, for profiles.c: the job's number, made when it is new.  Within a writing transaction.
 */
int ledger_job_make(struct ledger *ledger, const char *job, int64_t *job_id, struct wt_error *err);

/* places.c: the number of a row that many runs share, made when it is new.  Within a writing
 * transaction. */
int ledger_place_make(struct ledger *ledger, const struct wt_trial *trial, int64_t *place_id,
                      struct wt_error *err);
int ledger_factor_make(struct ledger *ledger, const struct wt_carbon *carbon, int64_t *factor_id,
                       struct wt_error *err);
int ledger_device_make(struct ledger *ledger, const struct ledger_device_energy *device,
                       int64_t *device_id, struct wt_error *err);

/* states.c: the parameters of STATE_IDENTITY in columns.h; a field that does not count is NULL. */
void ledger_put_identity(struct query *query, const struct wt_identity *identity);

/* trials_each.c: reads the rest of the row of TRIAL_ROW that stands in the query, and with `parts`
 * of enum ledger_trial_parts the parts asked for; the others are unknown.  identity.job is the
 * caller's. */
int ledger_trial_read(struct ledger *ledger, struct query *query, unsigned parts,
                      struct wt_trial *trial, struct wt_error *err);

/* jobs.c: 1 and *job_id; 0: there is no such job. */
int ledger_find_job(struct ledger *ledger, const char *job, int64_t *job_id, struct wt_error *err);

/* jobs.c: WT_E_NOT_FOUND with the names of similar jobs. */
int ledger_no_such_job(struct ledger *ledger, const char *job, struct wt_error *err);

/* sums_read.c: the first hour that begins at or after that moment; INT64_MIN and INT64_MAX stay
 * as they are. */
int64_t ledger_hour_from(int64_t ms);

/* sums_read.c: the parameters of RUNS_OF in sql.c. */
void ledger_put_runs(struct query *query, const struct ledger_runs *runs);

/* points.c: the profile points of a trial or a profile, whose number goes in front of each. */
int ledger_points_check(const struct wt_profile_point points[], unsigned count,
                        struct wt_error *err);
int ledger_points_put(struct ledger *ledger, enum ledger_sql put, int64_t id,
                      const struct wt_profile_point points[], unsigned count, struct wt_error *err);
int ledger_points_get(struct ledger *ledger, enum ledger_sql get, int64_t id,
                      struct wt_profile_point points[], unsigned capacity, unsigned *count,
                      struct wt_error *err);

#endif
