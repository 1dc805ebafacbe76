/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements of the ledger.  Names carry units; NULL is unknown.  Kinds and sources are kept as
 * words, so that the file explains itself to any SQLite shell.  Lists of columns come from
 * columns.h; the schema is in schema.c.
 */
#include "account/ledger/sql.h"

#include "account/ledger/columns.h"

/* All of a trial but its GPUs and its points, as trials_each.c reads it. */
#define TRIAL_ROW                                                                                  \
    "trial_id, recurrence, try_number, ended" TRIAL_PLACE(SQL_NAME) TRIAL_IDENTITY(SQL_NAME)       \
        TRIAL_PLAN(SQL_NAME) TRIAL_OUTCOME(SQL_NAME) TRIAL_CARBON(SQL_NAME) FACTOR(SQL_NAME)       \
            TRIAL_PART(SQL_NAME)
#define TRIAL_TABLES                                                                               \
    " FROM trials t LEFT JOIN places p USING (place_id) LEFT JOIN factors USING (factor_id)"
/* Which runs: from, to, job, project; NULL is any. */
#define RUNS_OF                                                                                    \
    TRIAL_TABLES " WHERE t.not_started IS NOT 1 AND t.started_ms >= ?1 AND t.started_ms < ?2"      \
                 " AND (?3 IS NULL OR t.job_id = (SELECT job_id FROM jobs WHERE name = ?3))"       \
                 " AND (?4 IS NULL OR p.project = ?4)"
#define RUN "t.trial_id" REPORT_RUN(SQL_NAME)
#define PROFILE_OF "job_id = ?" PROFILE_KEY(SQL_SAME)
#define STATE_OF "job_id = ?" KEY_GPUS(SQL_SAME) " AND identity = ?"
#define STATE_NAMES "job_id" KEY_GPUS(SQL_NAME) ", identity" STATE_IDENTITY(SQL_NAME)
#define STATE_MARKS "?" KEY_GPUS(SQL_MARK) ", ?" STATE_IDENTITY(SQL_MARK)
/* Recurrences of the job ?1: all when ?2 is 0, else the last ?2. */
#define LAST_RECURRENCES                                                                           \
    " WHERE t.job_id = ?1 AND t.recurrence >= CASE ?2 WHEN 0 THEN 0 ELSE"                          \
    " coalesce((SELECT DISTINCT u.recurrence FROM trials u WHERE u.job_id = ?1"                    \
    "  ORDER BY u.recurrence DESC LIMIT 1 OFFSET ?2 - 1), 0) END"

#define HOUR_OF(column) column " / 3600000" /* MS_PER_HOUR */

#define STRETCHES_WITHIN                                                                           \
    " WHERE " HOUR_OF("begin_ms") " >= ?1 AND " HOUR_OF(                                           \
        "begin_ms") " < ?2"                                                                        \
                    " ORDER BY device_id, begin_ms"

#define JOB_NAMED "(SELECT job_id FROM jobs WHERE name = ?1)"

const char *const ledger_sql[SQL_COUNT] = {
    [SQL_JOB_MAKE] = "INSERT INTO jobs (name, created_ms) VALUES (?, ?)",
    [SQL_JOB_FIND] = "SELECT job_id FROM jobs WHERE name = ?",
    /* One contains the other, or they begin with the same three letters. */
    [SQL_JOB_SIMILAR] = "SELECT name FROM jobs WHERE instr(lower(name), lower(?1)) > 0"
                        " OR instr(lower(?1), lower(name)) > 0"
                        " OR lower(substr(name, 1, 3)) = lower(substr(?1, 1, 3))"
                        " ORDER BY abs(length(name) - length(?1)), name LIMIT 3",
    [SQL_JOB_ROWS] = "SELECT j.job_id" JOB_ROW(
        SQL_NAME) " FROM jobs j"
                  " JOIN (SELECT job_id, count(DISTINCT recurrence) recurrences, count(*) trials,"
                  "    sum(ended = 0) unended, sum(energy_j) energy_j, sum(energy_j IS NULL) "
                  "energy_unknown,"
                  "    sum(time_s) time_s FROM trials GROUP BY job_id) s ON s.job_id = j.job_id"
                  " JOIN trials last ON last.trial_id = (SELECT trial_id FROM trials t"
                  "    WHERE t.job_id = j.job_id ORDER BY started_ms DESC, trial_id DESC LIMIT 1)"
                  " LEFT JOIN places place ON place.place_id = last.place_id"
                  " LEFT JOIN trials best ON best.trial_id = (SELECT trial_id FROM trials t"
                  "    WHERE t.job_id = j.job_id AND t.energy_fraction IS NOT NULL"
                  "    ORDER BY energy_fraction, trial_id LIMIT 1)"
                  " ORDER BY last.started_ms DESC, last.trial_id DESC",
    [SQL_RECURRENCE_NEXT] = "SELECT coalesce(max(recurrence), 0) + 1 FROM trials WHERE job_id = ?",
    [SQL_TRY_NEXT] =
        "SELECT coalesce(max(try_number), 0) + 1 FROM trials WHERE job_id = ? AND recurrence = ?",
    [SQL_TRY_FIND] =
        "SELECT trial_id FROM trials WHERE job_id = ? AND recurrence = ? AND try_number = ?",
    [SQL_TRIAL_BEGIN] =
        "INSERT INTO trials (job_id, recurrence, try_number, place_id" TRIAL_IDENTITY(SQL_NAME)
            TRIAL_PLAN(SQL_NAME) ") VALUES (?, ?, ?, ?" TRIAL_IDENTITY(SQL_MARK)
                TRIAL_PLAN(SQL_MARK) ")",
    [SQL_TRIAL_END] =
        "UPDATE trials SET ended = 1, factor_id = ?" TRIAL_PLAN(SQL_SET) TRIAL_OUTCOME(SQL_SET)
            TRIAL_CARBON(SQL_SET) TRIAL_PART(SQL_SET) " WHERE trial_id = ? AND ended = 0",
    [SQL_TRIAL_ENDED] = "SELECT ended FROM trials WHERE trial_id = ?",
    [SQL_TRIALS] =
        "SELECT " TRIAL_ROW TRIAL_TABLES LAST_RECURRENCES " ORDER BY t.recurrence, t.try_number",
    [SQL_TRIALS_BACK] = "SELECT " TRIAL_ROW TRIAL_TABLES LAST_RECURRENCES
                        " ORDER BY t.recurrence DESC, t.try_number DESC",
    [SQL_PART_PUT] = "INSERT OR REPLACE INTO trial_parts (trial_id, part, node" TRIAL_PART(
        SQL_NAME) ") VALUES (?, ?, ?" TRIAL_PART(SQL_MARK) ")",
    [SQL_TRIAL] = "SELECT " TRIAL_ROW TRIAL_TABLES " WHERE t.trial_id = ?1",
    [SQL_TRIAL_LAST] = "SELECT trial_id FROM trials WHERE job_id = ?1"
                       " ORDER BY recurrence DESC, try_number DESC LIMIT 1",
    [SQL_TRIAL_LAST_PROFILED] =
        "SELECT trial_id FROM trials t WHERE job_id = ?1 AND EXISTS (SELECT 1 FROM trial_points p"
        " WHERE p.trial_id = t.trial_id) ORDER BY recurrence DESC, try_number DESC LIMIT 1",
    /* ?2 and ?3: model and count of GPUs.  The first model of a place is that of its first GPU. */
    [SQL_OUTLINES] = "SELECT trial_id" OUTLINE(
        SQL_NAME) ","
                  " place_id IN (SELECT place_id FROM places WHERE gpu_count = ?3 AND gpu_count > "
                  "0 AND"
                  "   (coalesce(gpu_model, '') = ?2 OR substr(gpu_model, 1, length(?2) + 3) = ?2 "
                  "|| ' + '))"
                  " FROM trials WHERE job_id = ?1 ORDER BY recurrence, try_number",
    /* One unknown try makes a sum unknown.  A recurrence has reached its target as soon as one try
       has; while another one runs that is unknown. */
    /* In the order of RECURRENCE: around a subquery SQLite would sort. */
    [SQL_RECURRENCES] = "SELECT 0" RECURRENCE(SQL_NAME) " FROM trials WHERE job_id = " JOB_NAMED
                                                        " GROUP BY recurrence ORDER BY recurrence",
    [SQL_RECURRENCE_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM trials WHERE job_id = " JOB_NAMED
                             " GROUP BY recurrence)",
    [SQL_EPOCHS_TAKEN] =
        "SELECT count(*), min(epochs), max(epochs) FROM trials WHERE job_id = " JOB_NAMED
        " AND coalesce(batch_size, 0) = ?2 AND epochs > 0 AND CASE WHEN ?3 THEN"
        "   reached = 1 AND coalesce(state_id, 0) = ?4"
        " ELSE ended = 1 AND early_stopped IS NOT 1 AND not_started IS NOT 1 AND exit_code = 0 END",
    [SQL_JOB_GPUS] = "SELECT device_index, uuid, name, min(device_id) FROM devices WHERE device_id"
                     " IN (SELECT device_id FROM trials JOIN trial_gpus USING (trial_id)"
                     "   WHERE job_id = " JOB_NAMED ") GROUP BY device_index, coalesce(uuid, '')"
                     " ORDER BY device_index, coalesce(uuid, '')",
    [SQL_GPU_CLEAR] = "DELETE FROM trial_gpus WHERE trial_id = ?",
    [SQL_GPU_PUT] = "INSERT INTO trial_gpus (trial_id, position, device_id, part)"
                    " VALUES (?, ?, ?, ?)",
    [SQL_GPUS] = "SELECT device_index, uuid, name FROM trial_gpus JOIN devices USING (device_id)"
                 " WHERE trial_id = ? ORDER BY position",
    [SQL_DEVICE_MAKE] =
        "INSERT INTO devices (device_id" DEVICE(SQL_NAME) ") VALUES (NULL" DEVICE(SQL_MARK) ")",
    [SQL_DEVICE_FIND] = "SELECT device_id FROM devices WHERE true" DEVICE(SQL_SAME),
    [SQL_PLACE_MAKE] =
        "INSERT INTO places (place_id" PLACE(SQL_NAME) ") VALUES (NULL" PLACE(SQL_MARK) ")",
    [SQL_PLACE_FIND] = "SELECT place_id FROM places WHERE true" PLACE(SQL_SAME),
    [SQL_FACTOR_MAKE] =
        "INSERT INTO factors (factor_id" FACTOR(SQL_NAME) ") VALUES (NULL" FACTOR(SQL_MARK) ")",
    [SQL_FACTOR_FIND] = "SELECT factor_id FROM factors WHERE true" FACTOR(SQL_SAME),
    [SQL_POINT_PUT] =
        "INSERT INTO trial_points (trial_id" POINT(SQL_NAME) ") VALUES (?" POINT(SQL_MARK) ")",
    [SQL_POINTS] = "SELECT trial_id" POINT(SQL_NAME) " FROM trial_points WHERE trial_id = ?"
                                                     " ORDER BY knob, setting DESC",
    [SQL_MEASUREMENT_PUT] =
        "INSERT INTO measurements (trial_id, position, device_id, part" MEASUREMENT(
            SQL_NAME) ") VALUES (?, ?, ?, ?" MEASUREMENT(SQL_MARK) ")",
    [SQL_HOUR_PUT] = "INSERT INTO trial_hours (trial_id, device_id, part" HOUR(
        SQL_NAME) ") VALUES (?, ?, ?" HOUR(SQL_MARK) ")",
    [SQL_REPORT_PLACES] = "SELECT place_id" REPORT_PLACE(SQL_NAME) " FROM places",
    [SQL_REPORT_JOBS] = "SELECT job_id, name FROM jobs",
    [SQL_REPORT_FACTORS] = "SELECT factor_id" REPORT_FACTOR(SQL_NAME) " FROM factors",
    [SQL_REPORT_DEVICES] = "SELECT device_id, kind FROM devices",
    [SQL_REPORT_RUNS] = "SELECT " RUN " FROM trials t WHERE t.not_started IS NOT 1",
    [SQL_REPORT_HOURS] = "SELECT " RUN REPORT_HOUR(
        SQL_NAME) " FROM trials t JOIN trial_hours h ON h.trial_id = t.trial_id WHERE h.hour >= ?1"
                  " AND h.hour < ?2 ORDER BY t.trial_id, h.hour",
    [SQL_REPORT_WITHOUT_HOURS] =
        "SELECT " RUN " FROM trials t WHERE t.not_started IS NOT 1 AND " HOUR_OF(
            "started_ms") " >= ?1"
                          " AND " HOUR_OF(
                              "started_ms") " < ?2"
                                            " AND NOT EXISTS (SELECT 1 FROM trial_hours h WHERE "
                                            "h.trial_id = t.trial_id)",
    [SQL_REPORT_RUNS_OF] = "SELECT " RUN RUNS_OF,
    /* The index of started_ms has this order. */
    [SQL_RUNS] = "SELECT (SELECT name FROM jobs j WHERE j.job_id = t.job_id), " TRIAL_ROW RUNS_OF
                 " ORDER BY t.started_ms, t.trial_id",
    /* The last one of the same GPU that begins before ?3, and not at ?4: those before it end
       earlier. */
    [SQL_STRETCH_BEFORE] =
        "SELECT (SELECT end_ms FROM stretches s WHERE s.device_id = d.device_id"
        "  AND s.begin_ms < ?3 AND s.begin_ms <> ?4 ORDER BY s.begin_ms DESC LIMIT 1) AS last_ms"
        " FROM devices d WHERE d.device_id = ?1 OR (d.kind = 'gpu' AND d.uuid = ?2)"
        " ORDER BY last_ms DESC LIMIT 1",
    [SQL_STRETCH_PUT] = "INSERT INTO stretches (device_id, begin_ms, node, factor_id" STRETCH(
        SQL_NAME) ") VALUES (?, ?, ?, ?" STRETCH(SQL_MARK) ")"
                                                           " ON CONFLICT (device_id, begin_ms) DO "
                                                           "UPDATE SET node = excluded.node,"
                                                           " factor_id = "
                                                           "excluded.factor_id" STRETCH(
                                                               SQL_EXCLUDED),
    /* The largest number goes first, so that there is room for all. */
    [SQL_FLEET_DEVICES] = "SELECT (SELECT max(device_id) FROM devices), device_id" FLEET_DEVICE(
        SQL_NAME) " FROM devices WHERE kind = 'gpu'",
    /* The last measured run of each job, and the profile that was stored last for its size. */
    [SQL_FLEET_CHOICES] =
        "SELECT name, setting, (SELECT profile_id FROM profiles p WHERE p.job_id = t.job_id"
        "    AND coalesce(p.batch_size, 0) = coalesce(t.batch_size, 0)"
        "    AND p.gpu_model = l.gpu_model AND p.gpu_count = l.gpu_count"
        "    ORDER BY stored_ms DESC, profile_id DESC LIMIT 1)"
        " FROM jobs JOIN trials t ON t.trial_id = (SELECT trial_id FROM trials u"
        "    WHERE u.job_id = jobs.job_id AND u.ended = 1 AND u.setting IS NOT NULL AND u.knob = 0"
        "    ORDER BY recurrence DESC, try_number DESC LIMIT 1) JOIN places l USING (place_id)",
    [SQL_FLEET_WATCHED] = "SELECT DISTINCT device_id FROM stretches",
    [SQL_FLEET_RUNS] = "SELECT device_id" FLEET_RUN(SQL_NAME) " FROM measurements WHERE "
                                                              "EXISTS (SELECT 1 FROM stretches)",
    [SQL_FLEET_STRETCHES] = "SELECT device_id" FLEET_STRETCH(
        SQL_NAME) ", node FROM stretches LEFT JOIN factors USING (factor_id)" STRETCHES_WITHIN,
    [SQL_PROFILE_CLEAR] = "DELETE FROM profiles WHERE " PROFILE_OF,
    [SQL_PROFILE_PUT] = "INSERT INTO profiles (job_id" PROFILE_KEY(
        SQL_NAME) ", trial_id, stored_ms) VALUES (?" PROFILE_KEY(SQL_MARK) ", ?, ?)",
    [SQL_PROFILE_FIND] = "SELECT profile_id FROM profiles WHERE " PROFILE_OF,
    [SQL_PROFILE_POINT_PUT] =
        "INSERT INTO profile_points (profile_id" POINT(SQL_NAME) ") VALUES (?" POINT(SQL_MARK) ")",
    [SQL_PROFILE_POINTS] = "SELECT profile_id" POINT(
        SQL_NAME) " FROM profile_points WHERE profile_id = ? ORDER BY knob, setting DESC",
    [SQL_PROFILES] =
        "SELECT profile_id" PROFILE_KEY(SQL_NAME) " FROM profiles"
                                                  " WHERE job_id = (SELECT job_id FROM jobs WHERE "
                                                  "name = ?) ORDER BY stored_ms, profile_id",
    [SQL_TRIAL_CANCEL] = "DELETE FROM trials WHERE trial_id = ? AND ended = 0",
    [SQL_JOB_CANCEL] = "DELETE FROM jobs WHERE name = ? AND NOT EXISTS (SELECT 1 FROM trials t"
                       " WHERE t.job_id = jobs.job_id)",
    [SQL_STEPS_BY_SIZE] =
        "SELECT batch_size, min(CAST(steps AS REAL) / epochs) FROM trials WHERE job_id = " JOB_NAMED
        " AND batch_size > 0 AND steps > 0 AND epochs > 0 GROUP BY batch_size",
    [SQL_STEPS_PER_EPOCH] =
        "SELECT min(CAST(steps AS REAL) / epochs) FROM trials WHERE job_id ="
        " (SELECT job_id FROM jobs WHERE name = ?) AND batch_size = ? AND steps > 0 AND epochs > 0",
    [SQL_STATE_FIND] = "SELECT state_id, state FROM states WHERE " STATE_OF,
    [SQL_STATE_MAKE] =
        "INSERT INTO states (" STATE_NAMES ", state, stored_ms) VALUES (" STATE_MARKS ", ?, ?)",
    [SQL_STATE_PUT] = "UPDATE states SET state = ?, stored_ms = ? WHERE state_id = ?",
    [SQL_STATES] = "SELECT state_id, gpu_model, gpu_count, identity, state FROM states WHERE"
                   " job_id = (SELECT job_id FROM jobs WHERE name = ?)"
                   " ORDER BY stored_ms, state_id",
    [SQL_STATE_WORDS] = "SELECT state_id, identity FROM states WHERE state_id > ?"
                        " ORDER BY state_id LIMIT 1",
    [SQL_STATE_NAME] =
        "UPDATE states SET identity = ?" STATE_IDENTITY(SQL_SET) " WHERE state_id = ?",
    [SQL_STATE_OPAQUE] = "UPDATE states SET identity = '0;' || identity WHERE state_id = ?",
    [SQL_FACTORS_HAVE] = "SELECT count(*) FROM pragma_table_info('factors') WHERE name = ?",
    [SQL_FORGET_JOB] = "DELETE FROM jobs WHERE job_id = ?",
    [SQL_FORGET_PROFILES] = "DELETE FROM profiles WHERE job_id = ?",
    [SQL_FORGET_STATES] = "DELETE FROM states WHERE job_id = ?",
    [SQL_IS_EMPTY] =
        "SELECT NOT EXISTS (SELECT 1 FROM jobs) AND NOT EXISTS (SELECT 1 FROM devices)",
};
