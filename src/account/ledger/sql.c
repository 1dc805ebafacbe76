/* SPDX-License-Identifier: Apache-2.0
 *
 * All SQL of the ledger: the schema as migrations, and the statements.  Names carry units; NULL is
 * unknown.  Kinds and sources are kept as words, so that the file explains itself to any SQLite
 * shell.
 */
#include "account/ledger/sql.h"

/* trial_id is AUTOINCREMENT: the number of a trial that was dropped is never given to another one.
 */
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
    /* NULLs are different from each other in an index, but one unknown batch size is like another
       here. */
    "CREATE UNIQUE INDEX profiles_key ON profiles (job_id, coalesce(batch_size, 0), gpu_model, "
    "gpu_count,"
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
    "CREATE UNIQUE INDEX batch_states_key ON batch_states (job_id, gpu_model, gpu_count, "
    "coalesce(limit_min_mw, 0),"
    "  coalesce(limit_max_mw, 0), options);"
    "ALTER TABLE trials ADD COLUMN batch_state_id INTEGER REFERENCES batch_states ON DELETE SET "
    "NULL;"
    "ALTER TABLE trials ADD COLUMN not_started INTEGER CHECK (not_started IN (0, 1));"
    "CREATE INDEX trials_batch_state ON trials (batch_state_id);";

/* Who, where, with which factors, and the energy of each device by the hour.  What repeats from run
 * to run is kept once and referred to: a year of a fleet is a million runs, and reports read them
 * all.  Of several GPU models gpu_model is a list. */
static const char schema_3[] =
    "CREATE TABLE places ("
    "  place_id INTEGER PRIMARY KEY,"
    "  phase TEXT NOT NULL,"
    "  project TEXT,"
    "  user TEXT,"
    "  node TEXT,"
    "  gpu_model TEXT,"
    "  gpu_count INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX places_key ON places (phase, coalesce(project, ''), coalesce(user, ''), "
    "coalesce(node, ''),"
    "  coalesce(gpu_model, ''), gpu_count);"
    "CREATE TABLE factors ("
    "  factor_id INTEGER PRIMARY KEY,"
    "  pue REAL,"
    "  intensity_source TEXT,"
    "  embodied_source TEXT"
    ") STRICT;"
    "CREATE UNIQUE INDEX factors_key ON factors (coalesce(pue, 0), coalesce(intensity_source, ''),"
    "  coalesce(embodied_source, ''));"
    "CREATE TABLE devices ("
    "  device_id INTEGER PRIMARY KEY,"
    "  kind TEXT NOT NULL CHECK (kind IN ('gpu', 'cpu', 'dram')),"
    "  device_index INTEGER NOT NULL,"
    "  uuid TEXT,"
    "  name TEXT"
    ") STRICT;"
    "CREATE UNIQUE INDEX devices_key ON devices (kind, device_index, coalesce(uuid, ''), "
    "coalesce(name, ''));"
    "CREATE TABLE trial_hours ("
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"
    "  hour INTEGER NOT NULL," /* since 1970, UTC */
    "  device_id INTEGER NOT NULL REFERENCES devices,"
    "  energy_j REAL,"
    "  busy_s REAL,"
    "  intensity_g_per_kwh REAL,"
    "  PRIMARY KEY (trial_id, hour, device_id)"
    ") STRICT, WITHOUT ROWID;"
    "ALTER TABLE trials ADD COLUMN place_id INTEGER REFERENCES places;"
    "ALTER TABLE trials ADD COLUMN factor_id INTEGER REFERENCES factors;"
    "ALTER TABLE trials ADD COLUMN busy_s REAL;"
    "ALTER TABLE trials ADD COLUMN intensity_g_per_kwh REAL;"
    "ALTER TABLE trials ADD COLUMN operational_g REAL;"
    "ALTER TABLE trials ADD COLUMN market_g REAL;"
    "ALTER TABLE trials ADD COLUMN embodied_g REAL;"
    "ALTER TABLE trials ADD COLUMN embodied_useful_g REAL;"
    /* What schemas 1 and 2 wrote out in every run. */
    "CREATE TEMP TABLE place_of AS SELECT trial_id, phase, project,"
    "  (SELECT group_concat(name, ' + ') FROM (SELECT DISTINCT name FROM trial_gpus g WHERE "
    "g.trial_id = t.trial_id"
    "    ORDER BY position)) AS gpu_model,"
    "  (SELECT count(*) FROM trial_gpus g WHERE g.trial_id = t.trial_id) AS gpu_count FROM trials "
    "t;"
    "INSERT INTO places (phase, project, gpu_model, gpu_count)"
    "  SELECT DISTINCT phase, project, gpu_model, gpu_count FROM place_of;"
    "UPDATE trials SET place_id = (SELECT p.place_id FROM place_of o JOIN places p ON p.phase = "
    "o.phase"
    "  AND p.project IS o.project AND p.gpu_model IS o.gpu_model AND p.gpu_count = o.gpu_count"
    "  WHERE o.trial_id = trials.trial_id);"
    "DROP TABLE place_of;"
    "ALTER TABLE trials DROP COLUMN phase;"
    "ALTER TABLE trials DROP COLUMN project;"
    "DROP INDEX trials_batch_state;"
    "CREATE INDEX trials_batch_state ON trials (batch_state_id) WHERE batch_state_id IS NOT NULL;"
    "INSERT INTO devices (kind, device_index, uuid, name)"
    "  SELECT 'gpu', gpu_index, uuid, name FROM trial_gpus UNION SELECT kind, device_index, uuid, "
    "name FROM measurements;"
    "CREATE TABLE trial_gpus_3 ("
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  device_id INTEGER NOT NULL REFERENCES devices,"
    "  PRIMARY KEY (trial_id, position)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO trial_gpus_3 SELECT g.trial_id, g.position, d.device_id FROM trial_gpus g JOIN "
    "devices d"
    "  ON d.kind = 'gpu' AND d.device_index = g.gpu_index AND d.uuid IS g.uuid AND d.name IS "
    "g.name;"
    "DROP TABLE trial_gpus;"
    "ALTER TABLE trial_gpus_3 RENAME TO trial_gpus;"
    "CREATE TABLE measurements_3 ("
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  device_id INTEGER NOT NULL REFERENCES devices,"
    "  energy_j REAL,"
    "  energy_error_j REAL,"
    "  source TEXT,"
    "  begin_ms INTEGER NOT NULL,"
    "  end_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (trial_id, position)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO measurements_3 SELECT m.trial_id, row_number() OVER (PARTITION BY m.trial_id "
    "ORDER BY m.measurement_id) - 1,"
    "  d.device_id, m.energy_j, m.energy_error_j, m.source, m.begin_ms, m.end_ms FROM measurements "
    "m JOIN devices d"
    "  ON d.kind = m.kind AND d.device_index = m.device_index AND d.uuid IS m.uuid AND d.name IS "
    "m.name;"
    "DROP TABLE measurements;"
    "ALTER TABLE measurements_3 RENAME TO measurements;";

/* What whole devices used, whoever used them: so that what no run accounts for is known.  Stretches
 * of one device never overlap. */
static const char schema_4[] =
    "CREATE TABLE stretches ("
    "  device_id INTEGER NOT NULL REFERENCES devices,"
    "  begin_ms INTEGER NOT NULL,"
    "  end_ms INTEGER NOT NULL CHECK (end_ms >= begin_ms),"
    "  node TEXT,"
    "  in_use INTEGER CHECK (in_use IN (0, 1)),"
    "  energy_j REAL,"
    "  energy_error_j REAL,"
    "  source TEXT,"
    "  busy_s REAL,"
    "  factor_id INTEGER REFERENCES factors,"
    "  intensity_g_per_kwh REAL,"
    "  operational_g REAL,"
    "  embodied_g REAL,"
    "  PRIMARY KEY (device_id, begin_ms)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX devices_uuid ON devices (uuid);"
    "ALTER TABLE factors ADD COLUMN pue_source TEXT;"
    "ALTER TABLE factors ADD COLUMN location TEXT;"
    "ALTER TABLE factors ADD COLUMN lifetime_years REAL;"
    "DROP INDEX factors_key;"
    "CREATE UNIQUE INDEX factors_key ON factors (coalesce(pue, 0), coalesce(intensity_source, ''),"
    "  coalesce(embodied_source, ''), coalesce(pue_source, ''), coalesce(location, ''), "
    "coalesce(lifetime_years, 0));";

const char *const ledger_migrations[] = {schema_1, schema_2, schema_3, schema_4};
const int ledger_schema = sizeof ledger_migrations / sizeof ledger_migrations[0];

/* Columns of a trial in the order in which trials.c writes (bind_outcome) and reads them
 * (read_trial). */
#define OUTCOME                                                                                    \
    "time_s, limit_mw, energy_j, energy_error_j, sensor_error_fraction, cpu_energy_j, "            \
    "dram_energy_j, cost_j,"                                                                       \
    " steps, epochs, metric, reached, early_stopped, exit_code, source, note, baseline_limit_mw,"  \
    " energy_fraction, time_fraction, energy_fraction_error, time_fraction_error, not_started, "   \
    "busy_s,"                                                                                      \
    " intensity_g_per_kwh, operational_g, market_g, embodied_g, embodied_useful_g, factor_id"
#define POINT                                                                                      \
    "limit_mw, steps, time_per_step_s, energy_per_step_j, energy_error_j, time_error_s, throttled"
#define MEASUREMENT "position, device_id, energy_j, energy_error_j, source, begin_ms, end_ms"
#define DEVICE_KEY                                                                                 \
    "kind = ? AND device_index = ? AND coalesce(uuid, '') = ? AND coalesce(name, '') = ?"
#define HOUR "hour, device_id, energy_j, busy_s, intensity_g_per_kwh"
#define STRETCH                                                                                    \
    "end_ms, node, in_use, energy_j, energy_error_j, source, busy_s, factor_id, "                  \
    "intensity_g_per_kwh, operational_g, embodied_g"
/* In the order in which ledger_trial_read() reads it. */
#define TRIAL                                                                                      \
    "trial_id, recurrence, try_number, phase, project, user, node, batch_size, started_ms, "       \
    "ended, "                                                                                      \
    "batch_state_id, pue, intensity_source, embodied_source, pue_source, location, "               \
    "lifetime_years, " OUTCOME                                                                     \
    " FROM trials LEFT JOIN places USING (place_id) LEFT JOIN factors USING (factor_id)"
#define JOB_NAMED "(SELECT job_id FROM jobs WHERE name = ?1)"
/* In the order in which report.c reads it. */
#define REPORT_RUN                                                                                 \
    "t.trial_id, t.place_id, t.job_id, t.factor_id, t.started_ms, t.ended, t.time_s, t.busy_s, "   \
    "t.energy_j,"                                                                                  \
    " t.cpu_energy_j, t.dram_energy_j, t.intensity_g_per_kwh, t.operational_g, t.market_g, "       \
    "t.embodied_g,"                                                                                \
    " t.embodied_useful_g, t.energy_fraction, t.energy_fraction_error, t.source,"                  \
    " t.energy_error_j"
/* Which runs: from, to, job, project; NULL is any. */
#define RUNS_OF                                                                                    \
    " FROM trials t LEFT JOIN places p USING (place_id) LEFT JOIN factors USING (factor_id)"       \
    " WHERE t.not_started IS NOT 1 AND t.started_ms >= ?1 AND t.started_ms < ?2"                   \
    " AND (?3 IS NULL OR t.job_id = (SELECT job_id FROM jobs WHERE name = ?3)) AND (?4 IS NULL "   \
    "OR p.project = ?4)"
#define PROFILE_KEY                                                                                \
    "job_id = ? AND coalesce(batch_size, 0) = ? AND gpu_model = ? AND gpu_count = ?"               \
    " AND coalesce(limit_min_mw, 0) = ? AND coalesce(limit_max_mw, 0) = ?"
#define STATE_KEY                                                                                  \
    "job_id = ? AND gpu_model = ? AND gpu_count = ? AND coalesce(limit_min_mw, 0) = ?"             \
    " AND coalesce(limit_max_mw, 0) = ? AND options = ?"

const char *const ledger_sql[SQL_COUNT] = {
    [SQL_JOB_MAKE] = "INSERT INTO jobs (name, created_ms) VALUES (?, ?)",
    [SQL_JOB_FIND] = "SELECT job_id FROM jobs WHERE name = ?",
    /* One contains the other, or they begin with the same three letters. */
    [SQL_JOB_SIMILAR] = "SELECT name FROM jobs WHERE instr(lower(name), lower(?1)) > 0"
                        " OR instr(lower(?1), lower(name)) > 0"
                        " OR lower(substr(name, 1, 3)) = lower(substr(?1, 1, 3))"
                        " ORDER BY abs(length(name) - length(?1)), name LIMIT 3",
    [SQL_JOB_ROWS] =
        "SELECT j.name, place.phase, place.project, s.recurrences, s.trials, s.unended, "
        "last.started_ms,"
        "  s.energy_j, s.energy_unknown, s.time_s, best.energy_fraction, best.energy_fraction_error"
        " FROM jobs j"
        " JOIN (SELECT job_id, count(DISTINCT recurrence) recurrences, count(*) trials,"
        "    sum(ended = 0) unended, sum(energy_j) energy_j, sum(energy_j IS NULL) energy_unknown,"
        "    sum(time_s) time_s FROM trials GROUP BY job_id) s ON s.job_id = j.job_id"
        " JOIN trials last ON last.trial_id = (SELECT trial_id FROM trials t WHERE t.job_id = "
        "j.job_id"
        "    ORDER BY started_ms DESC, trial_id DESC LIMIT 1)"
        " LEFT JOIN places place ON place.place_id = last.place_id"
        " LEFT JOIN trials best ON best.trial_id = (SELECT trial_id FROM trials t WHERE t.job_id = "
        "j.job_id"
        "    AND t.energy_fraction IS NOT NULL ORDER BY energy_fraction, trial_id LIMIT 1)"
        " ORDER BY last.started_ms DESC, last.trial_id DESC",
    [SQL_RECURRENCE_NEXT] = "SELECT coalesce(max(recurrence), 0) + 1 FROM trials WHERE job_id = ?",
    [SQL_TRY_NEXT] =
        "SELECT coalesce(max(try_number), 0) + 1 FROM trials WHERE job_id = ? AND recurrence = ?",
    [SQL_TRY_FIND] =
        "SELECT trial_id FROM trials WHERE job_id = ? AND recurrence = ? AND try_number = ?",
    [SQL_TRIAL_BEGIN] = "INSERT INTO trials (job_id, recurrence, try_number, place_id, batch_size, "
                        "started_ms, limit_mw, note, batch_state_id)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_TRIAL_END] =
        "UPDATE trials SET ended = 1, batch_size = ?, (" OUTCOME ") ="
        " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " WHERE trial_id = ? AND ended = 0",
    [SQL_TRIAL_ENDED] = "SELECT ended FROM trials WHERE trial_id = ?",
    [SQL_TRIALS] =
        "SELECT " TRIAL " WHERE job_id = ?1 AND recurrence >= ?2 ORDER BY recurrence, try_number",
    [SQL_TRIAL] = "SELECT " TRIAL " WHERE trial_id = ?1",
    [SQL_TRIAL_LAST] = "SELECT trial_id FROM trials WHERE job_id = ?1"
                       " ORDER BY recurrence DESC, try_number DESC LIMIT 1",
    [SQL_TRIAL_LAST_PROFILED] =
        "SELECT trial_id FROM trials t WHERE job_id = ?1 AND EXISTS (SELECT 1 FROM trial_points p"
        " WHERE p.trial_id = t.trial_id) ORDER BY recurrence DESC, try_number DESC LIMIT 1",
    /* In the order in which readings.c reads them; ?2 and ?3: model and count of GPUs.  The first
       model of a place is that of its first GPU. */
    [SQL_OUTLINES] =
        "SELECT batch_size, ended, time_s, limit_mw, energy_j, cost_j, steps, epochs, reached,"
        " early_stopped, exit_code, note, baseline_limit_mw, batch_state_id, not_started,"
        " place_id IN (SELECT place_id FROM places WHERE gpu_count = ?3 AND gpu_count > 0 AND"
        "   (coalesce(gpu_model, '') = ?2 OR substr(gpu_model, 1, length(?2) + 3) = ?2 || ' + '))"
        " FROM trials WHERE job_id = ?1 ORDER BY recurrence, try_number",
    /* One unknown try makes a sum unknown.  A recurrence has reached its target as soon as one try
       has; while another one runs that is unknown. */
    [SQL_RECURRENCES] =
        "SELECT recurrence, count(*), CASE WHEN max(reached) = 1 THEN 1"
        "   WHEN min(ended) = 0 THEN NULL ELSE max(reached) END,"
        " CASE WHEN count(energy_j) = count(*) THEN sum(energy_j) END,"
        " CASE WHEN count(time_s) = count(*) THEN sum(time_s) END,"
        " CASE WHEN count(cost_j) = count(*) THEN sum(cost_j) END"
        " FROM trials WHERE job_id = " JOB_NAMED " GROUP BY recurrence ORDER BY recurrence",
    [SQL_RECURRENCE_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM trials WHERE job_id = " JOB_NAMED
                             " GROUP BY recurrence)",
    /* The index has this order, so that it ends after ?2 groups. */
    [SQL_RECURRENCE_FROM_END] = "SELECT recurrence FROM trials WHERE job_id = ?1 GROUP BY "
                                "recurrence ORDER BY recurrence DESC LIMIT 1 OFFSET ?2",
    [SQL_EPOCHS_TAKEN] =
        "SELECT count(*), min(epochs), max(epochs) FROM trials WHERE job_id = " JOB_NAMED
        " AND coalesce(batch_size, 0) = ?2 AND epochs > 0 AND CASE WHEN ?3 THEN"
        "   reached = 1 AND coalesce(batch_state_id, 0) = ?4"
        " ELSE ended = 1 AND early_stopped IS NOT 1 AND not_started IS NOT 1 AND exit_code = 0 END",
    [SQL_JOB_GPUS] = "SELECT device_index, uuid, name, min(device_id) FROM devices WHERE device_id"
                     " IN (SELECT device_id FROM trials JOIN trial_gpus USING (trial_id)"
                     "   WHERE job_id = " JOB_NAMED ") GROUP BY device_index, coalesce(uuid, '')"
                     " ORDER BY device_index, coalesce(uuid, '')",
    [SQL_GPU_CLEAR] = "DELETE FROM trial_gpus WHERE trial_id = ?",
    [SQL_GPU_PUT] = "INSERT INTO trial_gpus (trial_id, position, device_id) VALUES (?, ?, ?)",
    [SQL_GPUS] = "SELECT device_index, uuid, name FROM trial_gpus JOIN devices USING (device_id) "
                 "WHERE trial_id = ?"
                 " ORDER BY position",
    [SQL_DEVICE_MAKE] = "INSERT INTO devices (kind, device_index, uuid, name) VALUES (?, ?, ?, ?)",
    [SQL_DEVICE_FIND] = "SELECT device_id FROM devices WHERE " DEVICE_KEY,
    [SQL_PLACE_MAKE] = "INSERT INTO places (phase, project, user, node, gpu_model, gpu_count) "
                       "VALUES (?, ?, ?, ?, ?, ?)",
    [SQL_PLACE_FIND] =
        "SELECT place_id FROM places WHERE phase = ? AND coalesce(project, '') = ? AND "
        "coalesce(user, '') = ?"
        " AND coalesce(node, '') = ? AND coalesce(gpu_model, '') = ? AND gpu_count = ?",
    [SQL_FACTOR_MAKE] = "INSERT INTO factors (pue, intensity_source, embodied_source, pue_source, "
                        "location, lifetime_years)"
                        " VALUES (?, ?, ?, ?, ?, ?)",
    [SQL_FACTOR_FIND] = "SELECT factor_id FROM factors WHERE coalesce(pue, 0) = ? AND "
                        "coalesce(intensity_source, '') = ?"
                        " AND coalesce(embodied_source, '') = ? AND coalesce(pue_source, '') = ? "
                        "AND coalesce(location, '') = ?"
                        " AND coalesce(lifetime_years, 0) = ?",
    [SQL_POINT_PUT] =
        "INSERT INTO trial_points (trial_id, " POINT ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_POINTS] = "SELECT " POINT " FROM trial_points WHERE trial_id = ? ORDER BY limit_mw DESC",
    [SQL_MEASUREMENT_PUT] =
        "INSERT INTO measurements (trial_id, " MEASUREMENT ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_MEASUREMENTS] = "SELECT kind, device_index, uuid, name, energy_j, energy_error_j, source, "
                         "begin_ms, end_ms FROM measurements"
                         " JOIN devices USING (device_id) WHERE trial_id = ? ORDER BY position",
    [SQL_HOUR_PUT] = "INSERT INTO trial_hours (trial_id, " HOUR ") VALUES (?, ?, ?, ?, ?, ?)",
    [SQL_HOURS] =
        "SELECT hour, kind, device_index, energy_j, busy_s, intensity_g_per_kwh FROM trial_hours"
        " JOIN devices USING (device_id) WHERE trial_id = ? ORDER BY hour, kind, device_index",
    [SQL_REPORT_PLACES] =
        "SELECT place_id, phase, project, user, node, gpu_model, gpu_count FROM places",
    [SQL_REPORT_JOBS] = "SELECT job_id, name FROM jobs",
    [SQL_REPORT_FACTORS] = "SELECT factor_id, pue, intensity_source, embodied_source, pue_source, "
                           "lifetime_years FROM factors",
    [SQL_REPORT_DEVICES] = "SELECT device_id, kind FROM devices",
    [SQL_REPORT_RUNS] = "SELECT " REPORT_RUN " FROM trials t WHERE t.not_started IS NOT 1",
    [SQL_REPORT_HOURS] =
        "SELECT " REPORT_RUN ", h.hour, h.device_id, h.energy_j, h.busy_s, h.intensity_g_per_kwh"
        " FROM trials t JOIN trial_hours h ON h.trial_id = t.trial_id WHERE h.hour >= ?1 AND "
        "h.hour < ?2"
        " ORDER BY t.trial_id, h.hour",
    [SQL_REPORT_WITHOUT_HOURS] =
        "SELECT " REPORT_RUN
        " FROM trials t WHERE t.not_started IS NOT 1 AND started_ms / 3600000 >= ?1"
        " AND started_ms / 3600000 < ?2 AND NOT EXISTS (SELECT 1 FROM trial_hours h WHERE "
        "h.trial_id = t.trial_id)",
    [SQL_REPORT_RUNS_OF] = "SELECT " REPORT_RUN RUNS_OF,
    /* The job's name, then what SQL_TRIALS has.  The index of started_ms has this order. */
    [SQL_RUNS] =
        "SELECT (SELECT name FROM jobs j WHERE j.job_id = t.job_id), trial_id, recurrence, "
        "try_number, phase, project,"
        " user, node, batch_size, started_ms, ended, batch_state_id, pue, intensity_source, "
        "embodied_source, pue_source, location, lifetime_years, " OUTCOME RUNS_OF
        " ORDER BY t.started_ms, t.trial_id",
    /* The last one of the same GPU that begins before ?3, and not at ?4: those before it end
       earlier. */
    [SQL_STRETCH_BEFORE] = "SELECT (SELECT end_ms FROM stretches s WHERE s.device_id = d.device_id "
                           "AND s.begin_ms < ?3 AND s.begin_ms <> ?4"
                           "  ORDER BY s.begin_ms DESC LIMIT 1) AS last_ms"
                           " FROM devices d WHERE d.device_id = ?1 OR (d.kind = 'gpu' AND d.uuid = "
                           "?2) ORDER BY last_ms DESC LIMIT 1",
    [SQL_STRETCH_PUT] =
        "INSERT INTO stretches (device_id, begin_ms, " STRETCH
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (device_id, begin_ms) DO UPDATE SET (" STRETCH
        ") = (excluded.end_ms, excluded.node, excluded.in_use,"
        " excluded.energy_j, excluded.energy_error_j, excluded.source, excluded.busy_s, "
        "excluded.factor_id,"
        " excluded.intensity_g_per_kwh, excluded.operational_g, excluded.embodied_g)",
    /* The largest number goes first, so that there is room for all. */
    [SQL_FLEET_DEVICES] = "SELECT (SELECT max(device_id) FROM devices), device_id, device_index, "
                          "uuid, name FROM devices WHERE kind = 'gpu'",
    /* The last measured run of each job, and the profile that was stored last for what it ran. */
    [SQL_FLEET_CHOICES] =
        "SELECT name, limit_mw, (SELECT profile_id FROM profiles p WHERE p.job_id = t.job_id"
        "    AND coalesce(p.batch_size, 0) = coalesce(t.batch_size, 0) AND p.gpu_model = "
        "l.gpu_model AND p.gpu_count = l.gpu_count"
        "    ORDER BY stored_ms DESC, profile_id DESC LIMIT 1)"
        " FROM jobs JOIN trials t ON t.trial_id = (SELECT trial_id FROM trials u WHERE u.job_id = "
        "jobs.job_id AND u.ended = 1"
        "    AND u.limit_mw IS NOT NULL ORDER BY recurrence DESC, try_number DESC LIMIT 1) JOIN "
        "places l USING (place_id)",
    [SQL_FLEET_WATCHED] = "SELECT DISTINCT device_id FROM stretches",
    [SQL_FLEET_RUNS] = "SELECT device_id, begin_ms, end_ms, energy_j FROM measurements WHERE "
                       "EXISTS (SELECT 1 FROM stretches)",
    [SQL_FLEET_STRETCHES] =
        "SELECT device_id, begin_ms, end_ms, in_use, energy_j, energy_error_j, source, busy_s, "
        "operational_g, embodied_g, pue, node"
        " FROM stretches LEFT JOIN factors USING (factor_id) WHERE begin_ms / 3600000 >= ?1 AND "
        "begin_ms / 3600000 < ?2 ORDER BY device_id, begin_ms",
    [SQL_PROFILE_CLEAR] = "DELETE FROM profiles WHERE " PROFILE_KEY,
    [SQL_PROFILE_PUT] = "INSERT INTO profiles (job_id, batch_size, gpu_model, gpu_count, "
                        "limit_min_mw, limit_max_mw, trial_id,"
                        " stored_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_PROFILE_FIND] = "SELECT profile_id FROM profiles WHERE " PROFILE_KEY,
    [SQL_PROFILE_POINT_PUT] =
        "INSERT INTO profile_points (profile_id, " POINT ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_TRIAL_CANCEL] = "DELETE FROM trials WHERE trial_id = ? AND ended = 0",
    [SQL_JOB_CANCEL] = "DELETE FROM jobs WHERE name = ? AND NOT EXISTS (SELECT 1 FROM trials t"
                       " WHERE t.job_id = jobs.job_id)",
    [SQL_STEPS_PER_EPOCH] =
        "SELECT min(CAST(steps AS REAL) / epochs) FROM trials WHERE job_id ="
        " (SELECT job_id FROM jobs WHERE name = ?) AND batch_size = ? AND steps > 0 AND epochs > 0",
    [SQL_STEPS_BY_SIZE] =
        "SELECT batch_size, min(CAST(steps AS REAL) / epochs) FROM trials WHERE job_id = " JOB_NAMED
        " AND batch_size > 0 AND steps > 0 AND epochs > 0 GROUP BY batch_size",
    [SQL_STATE_FIND] = "SELECT batch_state_id, state FROM batch_states WHERE " STATE_KEY,
    [SQL_STATE_MAKE] = "INSERT INTO batch_states (job_id, gpu_model, gpu_count, limit_min_mw, "
                       "limit_max_mw, options,"
                       " state, stored_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_STATE_PUT] = "UPDATE batch_states SET state = ?, stored_ms = ? WHERE batch_state_id = ?",
    [SQL_STATES] = "SELECT batch_state_id, gpu_model, gpu_count, options, state FROM batch_states "
                   "WHERE job_id ="
                   " (SELECT job_id FROM jobs WHERE name = ?) ORDER BY stored_ms, batch_state_id",
    [SQL_FORGET_JOB] = "DELETE FROM jobs WHERE job_id = ?",
    [SQL_FORGET_PROFILES] = "DELETE FROM profiles WHERE job_id = ?",
    [SQL_FORGET_STATES] = "DELETE FROM batch_states WHERE job_id = ?",
    [SQL_IS_EMPTY] =
        "SELECT NOT EXISTS (SELECT 1 FROM jobs) AND NOT EXISTS (SELECT 1 FROM devices)",
    [SQL_PROFILES] =
        "SELECT profile_id, batch_size, gpu_model, gpu_count, limit_min_mw, limit_max_mw FROM "
        "profiles"
        " WHERE job_id = (SELECT job_id FROM jobs WHERE name = ?) ORDER BY stored_ms, profile_id",
    [SQL_PROFILE_POINTS] =
        "SELECT " POINT " FROM profile_points WHERE profile_id = ? ORDER BY limit_mw DESC",
};
