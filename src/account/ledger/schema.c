/* SPDX-License-Identifier: Apache-2.0
 *
 * The schema as migrations, each of which stays as it is once a release has applied it.  Names
 * carry units; NULL is unknown.
 */
#include "account/ledger/schema.h"

/* --- Pieces of schema 5, of a new ledger and of an older one alike --- */

#define PART_COLUMN "part INTEGER NOT NULL DEFAULT 0 CHECK (part >= 0)"
#define TRIAL_PARTS                                                                                \
    "CREATE TABLE trial_parts ("                                                                   \
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"                             \
    "  part INTEGER NOT NULL CHECK (part >= 0),"                                                   \
    "  node TEXT,"                                                                                 \
    "  energy_j REAL,"                                                                             \
    "  energy_error_j REAL,"                                                                       \
    "  sensor_error_fraction REAL,"                                                                \
    "  cpu_energy_j REAL,"                                                                         \
    "  dram_energy_j REAL,"                                                                        \
    "  busy_s REAL,"                                                                               \
    "  source TEXT,"                                                                               \
    "  PRIMARY KEY (trial_id, part)"                                                               \
    ") STRICT, WITHOUT ROWID;"
/* Two nodes may have a device of the same kind, index and name. hour: since 1970, UTC. */
#define HOURS(table)                                                                               \
    "CREATE TABLE " table " ("                                                                     \
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"                             \
    "  hour INTEGER NOT NULL,"                                                                     \
    "  part INTEGER NOT NULL CHECK (part >= 0),"                                                   \
    "  device_id INTEGER NOT NULL REFERENCES devices,"                                             \
    "  energy_j REAL,"                                                                             \
    "  busy_s REAL,"                                                                               \
    "  intensity_g_per_kwh REAL,"                                                                  \
    "  PRIMARY KEY (trial_id, hour, part, device_id)"                                              \
    ") STRICT, WITHOUT ROWID;"
#define POINTS(table, owner, owners)                                                               \
    "CREATE TABLE " table " ("                                                                     \
    "  " owner " INTEGER NOT NULL REFERENCES " owners " ON DELETE CASCADE,"                        \
    "  knob INTEGER NOT NULL CHECK (knob IN (0, 1)),"                                              \
    "  setting INTEGER NOT NULL,"                                                                  \
    "  steps INTEGER NOT NULL,"                                                                    \
    "  time_per_step_s REAL,"                                                                      \
    "  energy_per_step_j REAL,"                                                                    \
    "  energy_error_j REAL,"                                                                       \
    "  time_error_s REAL,"                                                                         \
    "  throttled INTEGER NOT NULL CHECK (throttled IN (0, 1)),"                                    \
    "  PRIMARY KEY (" owner ", knob, setting)"                                                     \
    ") STRICT, WITHOUT ROWID;"
#define FACTORS_KEY                                                                                \
    "CREATE UNIQUE INDEX factors_key ON factors (coalesce(pue, 0),"                                \
    "  coalesce(intensity_source, ''), coalesce(embodied_source, ''), coalesce(pue_source, ''),"   \
    "  coalesce(location, ''), coalesce(lifetime_years, 0));"
#define STATES_KEY                                                                                 \
    "CREATE UNIQUE INDEX states_key ON states (job_id, gpu_model, gpu_count,"                      \
    "  coalesce(limit_min_mw, 0), coalesce(limit_max_mw, 0), identity);"
#define TRIALS_STATE "CREATE INDEX trials_state ON trials (state_id) WHERE state_id IS NOT NULL;"

/* The schema of today, for a ledger that is new.  trial_id is AUTOINCREMENT: the number of a
 * dropped trial is never given to another one.  Columns that reports read stand in front: SQLite
 * does not look at those behind the last that is asked for.  knob 0 is the power limit in mW, 1 the
 * highest SM clock in MHz. */
static const char *const schema_new[] = {
    "CREATE TABLE jobs ("
    "  job_id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  created_ms INTEGER NOT NULL"
    ") STRICT;",
    /* Names that repeat from run to run are kept once: a year of a fleet is a million runs.  Of
       several GPU models gpu_model is a list. */
    "CREATE TABLE places ("
    "  place_id INTEGER PRIMARY KEY,"
    "  phase TEXT NOT NULL,"
    "  project TEXT,"
    "  user TEXT,"
    "  node TEXT,"
    "  gpu_model TEXT,"
    "  gpu_count INTEGER NOT NULL"
    ") STRICT;",
    "CREATE UNIQUE INDEX places_key ON places (phase, coalesce(project, ''), coalesce(user, ''),"
    "  coalesce(node, ''), coalesce(gpu_model, ''), gpu_count);",
    "CREATE TABLE factors ("
    "  factor_id INTEGER PRIMARY KEY,"
    "  pue REAL,"
    "  intensity_source TEXT,"
    "  embodied_source TEXT,"
    "  pue_source TEXT,"
    "  location TEXT,"
    "  lifetime_years REAL"
    ") STRICT;",
    FACTORS_KEY,
    "CREATE TABLE devices ("
    "  device_id INTEGER PRIMARY KEY,"
    "  kind TEXT NOT NULL CHECK (kind IN ('gpu', 'cpu', 'dram')),"
    "  device_index INTEGER NOT NULL,"
    "  uuid TEXT,"
    "  name TEXT"
    ") STRICT;",
    "CREATE UNIQUE INDEX devices_key ON devices (kind, device_index, coalesce(uuid, ''),"
    "  coalesce(name, ''));",
    "CREATE INDEX devices_uuid ON devices (uuid);",
    /* Learned state of batch sizes: bytes that tune/learn/ alone reads.  Its key is `identity`; the
       columns behind the state say the same to whoever asks in SQL, NULL for a key that is not
       understood. */
    "CREATE TABLE states ("
    "  state_id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  gpu_model TEXT NOT NULL,"
    "  gpu_count INTEGER NOT NULL,"
    "  limit_min_mw INTEGER,"
    "  limit_max_mw INTEGER,"
    "  identity TEXT NOT NULL,"
    "  state BLOB NOT NULL,"
    "  stored_ms INTEGER NOT NULL,"
    "  metric TEXT,"
    "  at_least INTEGER CHECK (at_least IN (0, 1)),"
    "  target REAL,"
    "  max_epochs INTEGER,"
    "  default_size INTEGER,"
    "  selector TEXT,"
    "  eta REAL,"
    "  max_slowdown REAL,"
    "  profile_only INTEGER CHECK (profile_only IN (0, 1)),"
    "  carbon_aware INTEGER CHECK (carbon_aware IN (0, 1)),"
    "  observed INTEGER CHECK (observed IN (0, 1)),"
    "  beta REAL," /* NULL: a run may cost anything */
    "  window_length INTEGER,"
    "  seed INTEGER,"
    "  learning_rate REAL,"
    "  optimizer TEXT"
    ") STRICT;",
    STATES_KEY,
    /* Energies are sums over the parts: a report reads no parts. */
    "CREATE TABLE trials ("
    "  trial_id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  recurrence INTEGER NOT NULL CHECK (recurrence >= 1),"
    "  try_number INTEGER NOT NULL CHECK (try_number >= 1),"
    "  place_id INTEGER REFERENCES places,"
    "  factor_id INTEGER REFERENCES factors,"
    "  started_ms INTEGER NOT NULL,"
    "  ended INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1)),"
    "  not_started INTEGER CHECK (not_started IN (0, 1)),"
    "  time_s REAL,"
    "  busy_s REAL,"
    "  energy_j REAL,"
    "  energy_error_j REAL,"
    "  cpu_energy_j REAL,"
    "  dram_energy_j REAL,"
    "  source TEXT,"
    "  intensity_g_per_kwh REAL,"
    "  operational_g REAL,"
    "  market_g REAL,"
    "  embodied_g REAL,"
    "  embodied_useful_g REAL,"
    "  energy_fraction REAL,"
    "  energy_fraction_error REAL,"
    "  time_fraction REAL,"
    "  time_fraction_error REAL,"
    "  batch_size INTEGER,"
    "  knob INTEGER NOT NULL DEFAULT 0 CHECK (knob IN (0, 1)),"
    "  setting INTEGER,"
    "  baseline_knob INTEGER NOT NULL DEFAULT 0 CHECK (baseline_knob IN (0, 1)),"
    "  baseline INTEGER,"
    "  sensor_error_fraction REAL,"
    "  cost_j REAL,"
    "  steps INTEGER,"
    "  epochs INTEGER,"
    "  metric REAL,"
    "  reached INTEGER CHECK (reached IN (0, 1))," /* NULL: there was no target */
    "  early_stopped INTEGER CHECK (early_stopped IN (0, 1)),"
    "  exit_code INTEGER,"
    "  state_id INTEGER REFERENCES states ON DELETE SET NULL,"
    "  note TEXT,"
    "  UNIQUE (job_id, recurrence, try_number)"
    ") STRICT;",
    "CREATE INDEX trials_started ON trials (started_ms);", TRIALS_STATE,
    /* A part is a node: its devices and their energy.  `position` counts through all parts. */
    TRIAL_PARTS,
    "CREATE TABLE trial_gpus ("
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  device_id INTEGER NOT NULL REFERENCES devices," PART_COLUMN ","
    "  PRIMARY KEY (trial_id, position)"
    ") STRICT, WITHOUT ROWID;",
    "CREATE TABLE measurements ("
    "  trial_id INTEGER NOT NULL REFERENCES trials ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  device_id INTEGER NOT NULL REFERENCES devices,"
    "  energy_j REAL,"
    "  energy_error_j REAL,"
    "  source TEXT,"
    "  begin_ms INTEGER NOT NULL,"
    "  end_ms INTEGER NOT NULL," PART_COLUMN ","
    "  PRIMARY KEY (trial_id, position)"
    ") STRICT, WITHOUT ROWID;",
    HOURS("trial_hours"), POINTS("trial_points", "trial_id", "trials"),
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
    ") STRICT;",
    /* NULLs are different from each other in an index, but one unknown batch size is like another
       here. */
    "CREATE UNIQUE INDEX profiles_key ON profiles (job_id, coalesce(batch_size, 0), gpu_model,"
    "  gpu_count, coalesce(limit_min_mw, 0), coalesce(limit_max_mw, 0));",
    "CREATE INDEX profiles_trial ON profiles (trial_id);",
    POINTS("profile_points", "profile_id", "profiles"),
    /* Energy of whole devices, whoever used them: it shows what no run accounts for.  Stretches of
       one device never overlap. */
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
    ") STRICT, WITHOUT ROWID;",
    NULL};

/* --- Older ledgers --- */

/* Learned state of batch sizes: bytes that tune/learn/ alone reads. */
static const char *const schema_2[] = {
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
    "CREATE INDEX trials_batch_state ON trials (batch_state_id);",
    NULL};

/* User and node, factors of carbon, and the energy of each device by the hour.  Names that repeat
 * from run to run are kept once and referred to: a year of a fleet is a million runs, and reports
 * read them all.  Of several GPU models gpu_model is a list. */
static const char *const schema_3[] = {
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
    /* Schemas 1 and 2 wrote this out in every run. */
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
    "ALTER TABLE measurements_3 RENAME TO measurements;",
    NULL};

/* Energy of whole devices, whoever used them: it shows what no run accounts for.  Stretches of one
 * device never overlap. */
static const char *const schema_4[] = {
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
    "coalesce(lifetime_years, 0));",
    NULL};

/* Parts of a trial, settings as a knob and a value, and identities of learned state as keys. */
#define POINTS_OF_4                                                                                \
    "0, limit_mw, steps, time_per_step_s, energy_per_step_j, energy_error_j, time_error_s,"        \
    " throttled"

static const char *const schema_5[] = {
    "ALTER TABLE trials RENAME COLUMN limit_mw TO setting",
    "ALTER TABLE trials RENAME COLUMN baseline_limit_mw TO baseline",
    "ALTER TABLE trials ADD COLUMN knob INTEGER NOT NULL DEFAULT 0 CHECK (knob IN (0, 1))",
    "ALTER TABLE trials ADD COLUMN baseline_knob INTEGER NOT NULL DEFAULT 0"
    "  CHECK (baseline_knob IN (0, 1))",
    POINTS("points_5", "trial_id", "trials"),
    "INSERT INTO points_5 SELECT trial_id, " POINTS_OF_4 " FROM trial_points",
    "DROP TABLE trial_points", "ALTER TABLE points_5 RENAME TO trial_points",
    POINTS("points_5", "profile_id", "profiles"),
    "INSERT INTO points_5 SELECT profile_id, " POINTS_OF_4 " FROM profile_points",
    "DROP TABLE profile_points", "ALTER TABLE points_5 RENAME TO profile_points", TRIAL_PARTS,
    "INSERT INTO trial_parts SELECT trial_id, 0, node, energy_j, energy_error_j,"
    "  sensor_error_fraction, cpu_energy_j, dram_energy_j, busy_s, source"
    "  FROM trials LEFT JOIN places USING (place_id) WHERE ended",
    "ALTER TABLE trial_gpus ADD COLUMN " PART_COLUMN,
    "ALTER TABLE measurements ADD COLUMN " PART_COLUMN, HOURS("hours_5"),
    "INSERT INTO hours_5 SELECT trial_id, hour, 0, device_id, energy_j, busy_s,"
    "  intensity_g_per_kwh FROM trial_hours",
    "DROP TABLE trial_hours", "ALTER TABLE hours_5 RENAME TO trial_hours",
    "DROP INDEX trials_batch_state", "DROP INDEX batch_states_key",
    "ALTER TABLE batch_states RENAME TO states",
    "ALTER TABLE states RENAME COLUMN batch_state_id TO state_id",
    "ALTER TABLE states RENAME COLUMN options TO identity",
    "ALTER TABLE trials RENAME COLUMN batch_state_id TO state_id",
    "ALTER TABLE states ADD COLUMN metric TEXT",
    "ALTER TABLE states ADD COLUMN at_least INTEGER CHECK (at_least IN (0, 1))",
    "ALTER TABLE states ADD COLUMN target REAL", "ALTER TABLE states ADD COLUMN max_epochs INTEGER",
    "ALTER TABLE states ADD COLUMN default_size INTEGER",
    "ALTER TABLE states ADD COLUMN selector TEXT", "ALTER TABLE states ADD COLUMN eta REAL",
    "ALTER TABLE states ADD COLUMN max_slowdown REAL",
    "ALTER TABLE states ADD COLUMN profile_only INTEGER CHECK (profile_only IN (0, 1))",
    "ALTER TABLE states ADD COLUMN carbon_aware INTEGER CHECK (carbon_aware IN (0, 1))",
    "ALTER TABLE states ADD COLUMN observed INTEGER CHECK (observed IN (0, 1))",
    "ALTER TABLE states ADD COLUMN beta REAL",
    "ALTER TABLE states ADD COLUMN window_length INTEGER",
    "ALTER TABLE states ADD COLUMN seed INTEGER",
    "ALTER TABLE states ADD COLUMN learning_rate REAL",
    "ALTER TABLE states ADD COLUMN optimizer TEXT", TRIALS_STATE,
    /* Early ledgers of schema 4 lack this index, and the columns in complete_factors(). */
    "CREATE INDEX IF NOT EXISTS devices_uuid ON devices (uuid)", "DROP INDEX IF EXISTS factors_key",
    NULL};

/* Schema 4 as its first ledgers had it. */
static int complete_factors(struct ledger *ledger, struct wt_error *err)
{
    static const char *const columns[][2] = {
        {"pue_source", "ALTER TABLE factors ADD COLUMN pue_source TEXT"},
        {"location", "ALTER TABLE factors ADD COLUMN location TEXT"},
        {"lifetime_years", "ALTER TABLE factors ADD COLUMN lifetime_years REAL"}};
    for (unsigned i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct query *query = ledger_query(ledger, SQL_FACTORS_HAVE);
        query_put_text(query, columns[i][0]);
        int rc = query_step(query, err);
        bool there = rc > 0 && query_int(query, 0) > 0;
        query_leave(query);
        if (rc >= 0 && !there)
            rc = ledger_run_sql(ledger, columns[i][1], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int finish_5(struct ledger *ledger, struct wt_error *err)
{
    int rc = complete_factors(ledger, err);
    if (rc == 0)
        rc = ledger_states_name(ledger, err);
    if (rc)
        return rc;
    return ledger_run_sql(ledger, FACTORS_KEY STATES_KEY, err);
}

const struct ledger_migration ledger_migrations[LEDGER_SCHEMA] = {
    {schema_new, NULL}, {schema_2, NULL}, {schema_3, NULL}, {schema_4, NULL}, {schema_5, finish_5}};
