//! Removing what is older than its topic keeps.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::Shared;

/// Pause between clean-ups.
const INTERVAL: Duration = Duration::from_secs(60);
/// Records of one partition that one statement removes at most, so that no lock is held for long.
const BATCH: i32 = 1000;
/// Groups without a member and without a commit are forgotten after this many days, as on Kafka.
const GROUP_DAYS: i32 = 7;

/// Any number: the advisory lock of whoever cleans up.
const CLEANING: i64 = 0x6c66_5f63_6c65_616e;

pub(super) fn start(shared: &Arc<Shared>, stop: CancellationToken) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = clean(&shared).await {
                tracing::warn!(%error, "cleaning up the event log failed; it is tried again in a minute");
            }
        }
    });
}

/// Removes expired records and forgotten groups. One process at a time; the others go away at once.
pub(super) async fn clean(shared: &Shared) -> Result<u64, sqlx::Error> {
    let mut removed = 0;
    loop {
        let batch: i64 = sqlx::query_scalar(
            "WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($2) AS mine),
             old AS MATERIALIZED (
                 SELECT r.topic_id, r.partition, r.record_offset
                   FROM turn CROSS JOIN event_log.partitions p JOIN event_log.topics t USING (topic_id)
                  CROSS JOIN LATERAL (
                        SELECT * FROM event_log.records r
                         WHERE r.topic_id = p.topic_id AND r.partition = p.partition
                         ORDER BY r.record_offset LIMIT $1) r
                  WHERE turn.mine
                    AND r.appended_at < clock_timestamp() - make_interval(secs => t.retention_ms / 1000.0)
             ), gone AS (
                 DELETE FROM event_log.records r USING old o
                  WHERE r.topic_id = o.topic_id AND r.partition = o.partition AND r.record_offset = o.record_offset
              RETURNING r.topic_id, r.partition, r.record_offset
             ), moved AS (
                 UPDATE event_log.partitions p SET first_offset = greatest(p.first_offset, g.next_offset)
                   FROM (SELECT topic_id, partition, max(record_offset) + 1 AS next_offset
                           FROM gone GROUP BY topic_id, partition) g
                  WHERE p.topic_id = g.topic_id AND p.partition = g.partition
             )
             SELECT count(*) FROM gone",
        )
        .bind(BATCH)
        .bind(CLEANING)
        .fetch_one(&shared.pool)
        .await?;
        removed += batch.unsigned_abs();
        if batch < i64::from(BATCH) {
            break;
        }
    }
    sqlx::query(
        "DELETE FROM event_log.group_offsets o
          WHERE o.updated_at < now() - make_interval(days => $1)
            AND NOT EXISTS (SELECT FROM event_log.members m WHERE m.group_name = o.group_name)
            AND NOT EXISTS (SELECT FROM event_log.group_offsets other
                             WHERE other.group_name = o.group_name
                               AND other.updated_at >= now() - make_interval(days => $1))",
    )
    .bind(GROUP_DAYS)
    .execute(&shared.pool)
    .await?;
    Ok(removed)
}
