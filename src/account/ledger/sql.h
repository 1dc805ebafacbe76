/* SPDX-License-Identifier: Apache-2.0
 *
 * The statements of the ledger, by name.  The order of parameters and columns stands beside each
 * text in sql.c.
 */
#ifndef WATTUNE_ACCOUNT_LEDGER_SQL_H
#define WATTUNE_ACCOUNT_LEDGER_SQL_H

enum ledger_sql {
    SQL_JOB_MAKE,
    SQL_JOB_FIND,
    SQL_JOB_SIMILAR,
    SQL_JOB_ROWS,
    SQL_RECURRENCE_NEXT,
    SQL_TRY_NEXT,
    SQL_TRY_FIND,
    SQL_TRIAL_BEGIN,
    SQL_TRIAL_END,
    SQL_TRIAL_ENDED,
    SQL_TRIALS,
    SQL_TRIAL,
    SQL_TRIAL_LAST,
    SQL_TRIAL_LAST_PROFILED,
    SQL_OUTLINES,
    SQL_RECURRENCES,
    SQL_RECURRENCE_COUNT,
    SQL_RECURRENCE_FROM_END,
    SQL_EPOCHS_TAKEN,
    SQL_JOB_GPUS,
    SQL_GPU_CLEAR,
    SQL_GPU_PUT,
    SQL_GPUS,
    SQL_POINT_PUT,
    SQL_POINTS,
    SQL_MEASUREMENT_PUT,
    SQL_MEASUREMENTS,
    SQL_HOUR_PUT,
    SQL_HOURS,
    SQL_DEVICE_MAKE,
    SQL_DEVICE_FIND,
    SQL_PLACE_MAKE,
    SQL_PLACE_FIND,
    SQL_FACTOR_MAKE,
    SQL_FACTOR_FIND,
    SQL_REPORT_PLACES,
    SQL_REPORT_JOBS,
    SQL_REPORT_FACTORS,
    SQL_REPORT_DEVICES,
    SQL_REPORT_RUNS,
    SQL_REPORT_HOURS,
    SQL_REPORT_WITHOUT_HOURS,
    SQL_REPORT_RUNS_OF,
    SQL_RUNS,
    SQL_STRETCH_BEFORE,
    SQL_STRETCH_PUT,
    SQL_FLEET_DEVICES,
    SQL_FLEET_CHOICES,
    SQL_FLEET_WATCHED,
    SQL_FLEET_RUNS,
    SQL_FLEET_STRETCHES,
    SQL_PROFILE_CLEAR,
    SQL_PROFILE_PUT,
    SQL_PROFILE_FIND,
    SQL_PROFILE_POINT_PUT,
    SQL_PROFILE_POINTS,
    SQL_PROFILES,
    SQL_TRIAL_CANCEL,
    SQL_JOB_CANCEL,
    SQL_STEPS_PER_EPOCH,
    SQL_STEPS_BY_SIZE,
    SQL_STATE_FIND,
    SQL_STATE_MAKE,
    SQL_STATE_PUT,
    SQL_STATES,
    SQL_FORGET_JOB,
    SQL_FORGET_PROFILES,
    SQL_FORGET_STATES,
    SQL_IS_EMPTY,
    SQL_COUNT,
};

extern const char *const ledger_sql[SQL_COUNT];

/* One text a schema version: [0] makes schema 1, [1] brings 1 to 2.  Applied ones never change. */
extern const char *const ledger_migrations[];
extern const int ledger_schema; /* how many there are: the version this program knows */

#endif
