/* SPDX-License-Identifier: Apache-2.0
 *
 * All SQL of the ledger: the schema as migrations, and the statements.  Names carry units; NULL is unknown.  Kinds
 * and sources are kept as words, so that the file explains itself to any SQLite shell.
 */
#include "ledger/sql.h"

/* trial_id is AUTOINCREMENT: the number of a trial that was dropped is never given to another one. */
static const char schema_1[] =
    "CREATE TABLE jobs ("
    "  job_id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  created_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE trials ("
    "  trial_id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  recurrence INTEGER NOT NULL CHECK (recurrence >= 1),"
    "  try_number INTEGER NOT NULL CHECK (try_number >= 1),"
    "  phase TEXT NOT NULL,"
    "  project TEXT,"
    "  batch_size INTEGER,"
    "  started_ms INTEGER NOT NULL,"
    "  ended INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1)),"
    "  time_s REAL,"
    "  limit_mw INTEGER,"
    "  energy_j REAL,"
    "  energy_error_j REAL,"
    "  sensor_error_fraction REAL,"
    "  cpu_energy_j REAL,"
    "  dram_energy_j REAL,"
    "  cost_j REAL,"
    "  steps INTEGER,"
    "  epochs INTEGER,"
    "  metric REAL,"
    "  reached INTEGER CHECK (reached IN (0, 1))," /* NULL: there was no target */
    "  early_stopped INTEGER CHECK (early_stopped IN (0, 1)),"
    "  exit_code INTEGER,"
    "  source TEXT,"
    "  note TEXT,"
    "  baseline_limit_mw INTEGER,"
    "  energy_fraction REAL,"
    "  time_fraction REAL,"
    "  energy_fraction_error REAL,"
    "  time_fraction_error REAL,"
    "  UNIQUE (job_id, recurrence, try_number)"
    ") STRICT;"
    "CREATE INDEX trials_started ON trials (started_ms);"
    "CREATE TABLE trial_gpus ("
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  gpu_index INTEGER NOT NULL,"
    "  uuid TEXT,"
    "  name TEXT,"
    "  PRIMARY KEY (trial_id, position)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE trial_points ("
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"
    "  limit_mw INTEGER NOT NULL,"
    "  steps INTEGER NOT NULL,"
    "  time_per_step_s REAL,"
    "  energy_per_step_j REAL,"
    "  energy_error_j REAL,"
    "  time_error_s REAL,"
    "  throttled INTEGER NOT NULL CHECK (throttled IN (0, 1)),"
    "  PRIMARY KEY (trial_id, limit_mw)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE measurements ("
    "  measurement_id INTEGER PRIMARY KEY,"
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"
    "  kind TEXT NOT NULL CHECK (kind IN ('gpu', 'cpu', 'dram')),"
    "  device_index INTEGER NOT NULL,"
    "  uuid TEXT,"
    "  name TEXT,"
    "  energy_j REAL,"
    "  energy_error_j REAL,"
    "  source TEXT,"
    "  begin_ms INTEGER NOT NULL,"
    "  end_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX measurements_trial ON measurements (trial_id);"
    "CREATE TABLE profiles ("
    "  profile_id INTEGER PRIMARY KEY,"
    "  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  batch_size INTEGER,"
    "  gpu_model TEXT NOT NULL,"
    "  gpu_count INTEGER NOT NULL,"
    "  limit_min_mw INTEGER,"
    "  limit_max_mw INTEGER,"
    "  trial_id INTEGER REFERENCES trials ON DELETE SET NULL,"
    "  stored_ms INTEGER NOT NULL"
    ") STRICT;"
    /* NULLs are different from each other in an index, but one unknown batch size is like another here. */
    "CREATE UNIQUE INDEX profiles_key ON profiles (job_id, coalesce(batch_size, 0), gpu_model, gpu_count,"
    "  coalesce(limit_min_mw, 0), coalesce(limit_max_mw, 0));"
    "CREATE INDEX profiles_trial ON profiles (trial_id);"
    "CREATE TABLE profile_points ("
    "  profile_id INTEGER NOT NULL REFERENCES profiles ON DELETE CASCADE,"
    "  limit_mw INTEGER NOT NULL,"
    "  steps INTEGER NOT NULL,"
    "  time_per_step_s REAL,"
    "  energy_per_step_j REAL,"
    "  energy_error_j REAL,"
    "  time_error_s REAL,"
    "  throttled INTEGER NOT NULL CHECK (throttled IN (0, 1)),"
    "  PRIMARY KEY (profile_id, limit_mw)"
    ") STRICT, WITHOUT ROWID;";

/* What was learned of a job's batch sizes: the state is bytes of whoever decides. */
static const char schema_2[] =
    "CREATE TABLE batch_states ("
    "  batch_state_id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  gpu_model TEXT NOT NULL,"
    "  gpu_count INTEGER NOT NULL,"
    "  limit_min_mw INTEGER,"
    "  limit_max_mw INTEGER,"
    "  options TEXT NOT NULL,"
    "  state BLOB NOT NULL,"
    "  stored_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX batch_states_key ON batch_states (job_id, gpu_model, gpu_count, coalesce(limit_min_mw, 0),"
    "  coalesce(limit_max_mw, 0), options);"
    "ALTER TABLE trials ADD COLUMN batch_state_id INTEGER REFERENCES batch_states ON DELETE SET NULL;"
    "ALTER TABLE trials ADD COLUMN not_started INTEGER CHECK (not_started IN (0, 1));"
    "CREATE INDEX trials_batch_state ON trials (batch_state_id);";

const char *const ledger_migrations[] = {schema_1, schema_2};
const int ledger_schema = sizeof ledger_migrations / sizeof ledger_migrations[0];

/* Columns of a trial in the order in which trials.c writes (bind_outcome) and reads them (read_trial). */
#define OUTCOME                                                                                                \
    "time_s, limit_mw, energy_j, energy_error_j, sensor_error_fraction, cpu_energy_j, dram_energy_j, cost_j,"  \
    " steps, epochs, metric, reached, early_stopped, exit_code, source, note, baseline_limit_mw,"              \
    " energy_fraction, time_fraction, energy_fraction_error, time_fraction_error, not_started"
#define POINT "limit_mw, steps, time_per_step_s, energy_per_step_j, energy_error_j, time_error_s, throttled"
#define MEASUREMENT "kind, device_index, uuid, name, energy_j, energy_error_j, source, begin_ms, end_ms"
#define PROFILE_KEY                                                                                            \
    "job_id = ? AND coalesce(batch_size, 0) = ? AND gpu_model = ? AND gpu_count = ?"                           \
    " AND coalesce(limit_min_mw, 0) = ? AND coalesce(limit_max_mw, 0) = ?"
#define STATE_KEY                                                                                              \
    "job_id = ? AND gpu_model = ? AND gpu_count = ? AND coalesce(limit_min_mw, 0) = ?"                         \
    " AND coalesce(limit_max_mw, 0) = ? AND options = ?"

const char *const ledger_sql[SQL_COUNT] = {
    [SQL_JOB_MAKE] = "INSERT INTO jobs (name, created_ms) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
    [SQL_JOB_FIND] = "SELECT job_id FROM jobs WHERE name = ?",
    /* One contains the other, or they begin with the same three letters. */
    [SQL_JOB_SIMILAR] = "SELECT name FROM jobs WHERE instr(lower(name), lower(?1)) > 0"
                        " OR instr(lower(?1), lower(name)) > 0"
                        " OR lower(substr(name, 1, 3)) = lower(substr(?1, 1, 3))"
                        " ORDER BY abs(length(name) - length(?1)), name LIMIT 3",
    [SQL_JOB_ROWS] =
        "SELECT j.name, last.phase, last.project, s.recurrences, s.trials, s.unended, last.started_ms,"
        "  s.energy_j, s.energy_unknown, s.time_s, best.energy_fraction, best.energy_fraction_error"
        " FROM jobs j"
        " JOIN (SELECT job_id, count(DISTINCT recurrence) recurrences, count(*) trials,"
        "    sum(ended = 0) unended, sum(energy_j) energy_j, sum(energy_j IS NULL) energy_unknown,"
        "    sum(time_s) time_s FROM trials GROUP BY job_id) s ON s.job_id = j.job_id"
        " JOIN trials last ON last.trial_id = (SELECT trial_id FROM trials t WHERE t.job_id = j.job_id"
        "    ORDER BY started_ms DESC, trial_id DESC LIMIT 1)"
        " LEFT JOIN trials best ON best.trial_id = (SELECT trial_id FROM trials t WHERE t.job_id = j.job_id"
        "    AND t.energy_fraction IS NOT NULL ORDER BY energy_fraction, trial_id LIMIT 1)"
        " ORDER BY last.started_ms DESC, last.trial_id DESC",
    [SQL_RECURRENCE_NEXT] = "SELECT coalesce(max(recurrence), 0) + 1 FROM trials WHERE job_id = ?",
    [SQL_TRY_NEXT] = "SELECT coalesce(max(try_number), 0) + 1 FROM trials WHERE job_id = ? AND recurrence = ?",
    [SQL_TRY_FIND] = "SELECT trial_id FROM trials WHERE job_id = ? AND recurrence = ? AND try_number = ?",
    [SQL_TRIAL_BEGIN] =
        "INSERT INTO trials (job_id, recurrence, try_number, phase, project, batch_size, started_ms, limit_mw,"
        " note, batch_state_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_TRIAL_END] = "UPDATE trials SET ended = 1, batch_size = ?, (" OUTCOME ") ="
                      " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                      " WHERE trial_id = ? AND ended = 0",
    [SQL_TRIAL_ENDED] = "SELECT ended FROM trials WHERE trial_id = ?",
    [SQL_TRIALS] = "SELECT trial_id, recurrence, try_number, phase, project, batch_size, started_ms, ended,"
                   " batch_state_id, " OUTCOME " FROM trials WHERE job_id = ? ORDER BY recurrence, try_number",
    [SQL_GPU_CLEAR] = "DELETE FROM trial_gpus WHERE trial_id = ?",
    [SQL_GPU_PUT] = "INSERT INTO trial_gpus (trial_id, position, gpu_index, uuid, name) VALUES (?, ?, ?, ?, ?)",
    [SQL_GPUS] = "SELECT gpu_index, uuid, name FROM trial_gpus WHERE trial_id = ? ORDER BY position",
    [SQL_POINT_PUT] = "INSERT INTO trial_points (trial_id, " POINT ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_POINTS] = "SELECT " POINT " FROM trial_points WHERE trial_id = ? ORDER BY limit_mw DESC",
    [SQL_MEASUREMENT_PUT] =
        "INSERT INTO measurements (trial_id, " MEASUREMENT ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_MEASUREMENTS] =
        "SELECT " MEASUREMENT " FROM measurements WHERE trial_id = ? ORDER BY measurement_id",
    [SQL_PROFILE_CLEAR] = "DELETE FROM profiles WHERE " PROFILE_KEY,
    [SQL_PROFILE_PUT] =
        "INSERT INTO profiles (job_id, batch_size, gpu_model, gpu_count, limit_min_mw, limit_max_mw, trial_id,"
        " stored_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_PROFILE_FIND] = "SELECT profile_id FROM profiles WHERE " PROFILE_KEY,
    [SQL_PROFILE_POINT_PUT] = "INSERT INTO profile_points (profile_id, " POINT ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_TRIAL_CANCEL] = "DELETE FROM trials WHERE trial_id = ? AND ended = 0",
    [SQL_JOB_CANCEL] = "DELETE FROM jobs WHERE name = ? AND NOT EXISTS (SELECT 1 FROM trials t"
                       " WHERE t.job_id = jobs.job_id)",
    [SQL_STEPS_PER_EPOCH] = "SELECT min(CAST(steps AS REAL) / epochs) FROM trials WHERE job_id ="
                            " (SELECT job_id FROM jobs WHERE name = ?) AND batch_size = ? AND steps > 0 AND epochs > 0",
    [SQL_STATE_FIND] = "SELECT batch_state_id, state FROM batch_states WHERE " STATE_KEY,
    [SQL_STATE_MAKE] = "INSERT INTO batch_states (job_id, gpu_model, gpu_count, limit_min_mw, limit_max_mw, options,"
                       " state, stored_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_STATE_PUT] = "UPDATE batch_states SET state = ?, stored_ms = ? WHERE batch_state_id = ?",
    [SQL_STATES] = "SELECT batch_state_id, gpu_model, gpu_count, options, state FROM batch_states WHERE job_id ="
                   " (SELECT job_id FROM jobs WHERE name = ?) ORDER BY stored_ms, batch_state_id",
    [SQL_FORGET_JOB] = "DELETE FROM jobs WHERE job_id = ?",
    [SQL_FORGET_PROFILES] = "DELETE FROM profiles WHERE job_id = ?",
    [SQL_FORGET_STATES] = "DELETE FROM batch_states WHERE job_id = ?",
    [SQL_PROFILES] = "SELECT profile_id, batch_size, gpu_model, gpu_count, limit_min_mw, limit_max_mw FROM profiles"
                     " WHERE job_id = (SELECT job_id FROM jobs WHERE name = ?) ORDER BY stored_ms, profile_id",
    [SQL_PROFILE_POINTS] = "SELECT " POINT " FROM profile_points WHERE profile_id = ? ORDER BY limit_mw DESC",
};
