//! The parts of an append's statement on Postgres that write the rows of a class. They travel as JSON,
//! as they do on SQLite.

use serde_json::Value;

use crate::store::journal::projection::class_rows::ClassRows;

/// Returns the parts, each with its rows: `«ROWS»` stands for those, `«AT»` for the batch's time.
pub(super) fn parts(rows: &ClassRows, seq: i64, at: i64) -> Vec<(&'static str, Vec<Value>)> {
    let all = [
        (NEW_ENROLLMENTS, rows.new_enrollments()),
        (ENROLLMENT_CHANGES, rows.enrollment_changes()),
        (CLASS_RULES, rows.rules()),
        (CLASS_COUNTS, rows.counts()),
        (CLASS_HOURS, rows.hours(at)),
        (ENROLLMENT_LOG, rows.log(seq)),
    ];
    all.into_iter().filter(|(_, values)| !values.is_empty()).collect()
}

const NEW_ENROLLMENTS: &str = ", new_enrollments AS (
    INSERT INTO enrollments (id, class_id, user_id, status, version, answers_id, reason_id,
        reason_type, cause, line_rank, offer_expires_at, promoted_at, attendance, applied_at,
        decided_at, decided_by, canceled_at, updated_at)
    SELECT (v->>'id')::uuid, $1, (v->>'user')::uuid, v->>'status', (v->>'version')::bigint,
        (v->>'answers')::uuid, (v->>'reason')::uuid, v->>'reason_type', v->>'cause',
        (v->>'rank')::bigint, (v->>'offer')::bigint, (v->>'promoted')::bigint, v->>'attendance',
        «AT», (v->>'decided')::bigint, (v->>'decided_by')::uuid, (v->>'canceled')::bigint, «AT»
    FROM h, «ROWS» AS v)";

const ENROLLMENT_CHANGES: &str = ", enrollment_updates AS (
    UPDATE enrollments e SET status = coalesce(v->>'status', e.status),
        version = (v->>'version')::bigint,
        answers_id = coalesce((v->>'answers')::uuid, e.answers_id),
        reason_id = CASE WHEN (v->>'reasoned')::bool THEN (v->>'reason')::uuid
            ELSE e.reason_id END,
        reason_type = CASE WHEN (v->>'reasoned')::bool THEN v->>'reason_type'
            ELSE e.reason_type END,
        cause = CASE WHEN (v->>'reasoned')::bool THEN v->>'cause' ELSE e.cause END,
        line_rank = CASE WHEN (v->>'lined')::bool THEN (v->>'rank')::bigint ELSE e.line_rank END,
        offer_expires_at = CASE WHEN (v->>'lined')::bool THEN (v->>'offer')::bigint
            ELSE e.offer_expires_at END,
        promoted_at = coalesce((v->>'promoted')::bigint, e.promoted_at),
        attendance = CASE WHEN (v->>'attended')::bool THEN v->>'attendance'
            ELSE e.attendance END,
        decided_at = coalesce((v->>'decided')::bigint, e.decided_at),
        decided_by = coalesce((v->>'decided_by')::uuid, e.decided_by),
        canceled_at = CASE WHEN (v->>'reasoned')::bool THEN (v->>'canceled')::bigint
            ELSE e.canceled_at END,
        updated_at = «AT»
    FROM h, «ROWS» AS v WHERE e.id = (v->>'id')::uuid)";

const CLASS_RULES: &str = ", class_rules AS (
    UPDATE classes c SET selection_type = v->>'selection', promotion = v->>'promotion',
        waitlist_capacity = (v->>'waitlist')::bigint, allow_reapply = (v->>'reapply')::int,
        pay_window_ms = (v->>'pay')::bigint, offer_ttl_ms = (v->>'offer')::bigint
    FROM h, «ROWS» AS v WHERE c.id = $1)";

const CLASS_COUNTS: &str = ", class_counted AS (
    INSERT INTO class_counts AS c (class_id, applied, approved, waitlisted, rejected, canceled)
    SELECT $1, (v->>0)::bigint, (v->>1)::bigint, (v->>2)::bigint, (v->>3)::bigint,
        (v->>4)::bigint FROM h, «ROWS» AS v
    ON CONFLICT (class_id) DO UPDATE SET applied = c.applied + excluded.applied,
        approved = c.approved + excluded.approved,
        waitlisted = c.waitlisted + excluded.waitlisted,
        rejected = c.rejected + excluded.rejected, canceled = c.canceled + excluded.canceled)";

const CLASS_HOURS: &str = ", class_hour AS (
    INSERT INTO class_hours AS c (class_id, hour, applications, approvals, waitlistings,
        rejections, cancellations)
    SELECT $1, (v->>0)::bigint, (v->>1)::bigint, (v->>2)::bigint, (v->>3)::bigint,
        (v->>4)::bigint, (v->>5)::bigint FROM h, «ROWS» AS v
    ON CONFLICT (class_id, hour) DO UPDATE SET
        applications = c.applications + excluded.applications,
        approvals = c.approvals + excluded.approvals,
        waitlistings = c.waitlistings + excluded.waitlistings,
        rejections = c.rejections + excluded.rejections,
        cancellations = c.cancellations + excluded.cancellations)";

const ENROLLMENT_LOG: &str = ", enrollment_log AS (
    INSERT INTO enrollment_changes (class_id, seq, position, enrollment_id, at, actor_id, action,
        detail, reason_id)
    SELECT $1, (v->>'seq')::bigint, (v->>'position')::int, (v->>'id')::uuid, «AT»,
        (v->>'actor')::uuid, v->>'action', v->>'detail', (v->>'reason')::uuid
    FROM h, «ROWS» AS v)";
