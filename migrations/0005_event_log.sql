-- The event log in tables: topics of partitions of records, and consumer groups with offsets.
--
-- It promises what Kafka promises (order within a partition, offsets without gaps, one member of a group
-- reading a partition) and survives `kill -9`. Only crates/event-log uses this schema.

CREATE SCHEMA event_log;

CREATE TABLE event_log.topics (
    topic_id     INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 249),
    partitions   INTEGER NOT NULL CHECK (partitions BETWEEN 1 AND 1024),
    retention_ms BIGINT NOT NULL CHECK (retention_ms > 0)
);

-- The row lock that an append takes on its partition is held until it commits: offsets become visible in
-- order, so a reader that has seen offset 7 never misses offset 6.
CREATE TABLE event_log.partitions (
    topic_id     INTEGER NOT NULL REFERENCES event_log.topics ON DELETE CASCADE,
    partition    INTEGER NOT NULL,
    -- Records below it have been cleaned up.
    first_offset BIGINT NOT NULL DEFAULT 0,
    next_offset  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (topic_id, partition)
) WITH (fillfactor = 50);

CREATE TABLE event_log.records (
    topic_id      INTEGER NOT NULL,
    partition     INTEGER NOT NULL,
    record_offset BIGINT NOT NULL,
    appended_at   TIMESTAMPTZ NOT NULL,
    key           BYTEA,
    -- [["ce_type", "…"], …]; a value that is not UTF-8 is {"base64": "…"}. JSON, not JSONB: it is stored as
    -- it came (duplicates, order and NUL included) and costs nothing to write.
    headers       JSON NOT NULL,
    value         BYTEA NOT NULL,
    PRIMARY KEY (topic_id, partition, record_offset),
    FOREIGN KEY (topic_id) REFERENCES event_log.topics ON DELETE CASCADE
);

-- Who is in a group. A member is gone when its lease is over, or when nobody holds the advisory lock of its
-- session any more: that happens at once when its process dies.
CREATE TABLE event_log.members (
    group_name  TEXT NOT NULL CHECK (octet_length(group_name) BETWEEN 1 AND 255),
    member_id   UUID NOT NULL,
    session     BIGINT NOT NULL,
    topics      INTEGER[] NOT NULL,
    lease_until TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (group_name, member_id)
) WITH (fillfactor = 50);

CREATE TABLE event_log.group_offsets (
    group_name  TEXT NOT NULL CHECK (octet_length(group_name) BETWEEN 1 AND 255),
    topic_id    INTEGER NOT NULL REFERENCES event_log.topics ON DELETE CASCADE,
    partition   INTEGER NOT NULL,
    -- The offset of the next record that the group has to handle.
    next_offset BIGINT NOT NULL,
    -- The member that reads the partition.
    owner       UUID,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (group_name, topic_id, partition)
) WITH (fillfactor = 50);

-- Keeps a member alive and deals the partitions out. Returns the partitions that it owns now, and where the
-- group goes on in each. The members of a group run it one after another.
CREATE FUNCTION event_log.heartbeat(
    p_group TEXT, p_member UUID, p_session BIGINT, p_topics INTEGER[], p_latest BOOLEAN, p_lease_ms INTEGER
) RETURNS TABLE (topic_id INTEGER, partition INTEGER, next_offset BIGINT) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_gone     INTEGER;
    v_new      BOOLEAN;
    v_released INTEGER;
BEGIN
    -- Losing the last moments of this after a crash only repeats deliveries.
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(hashtextextended('event_log.group:' || p_group, 0));

    -- A shared lock: groups that look at the same time do not take each other for the process that lives.
    DELETE FROM event_log.members m
     WHERE m.group_name = p_group AND m.member_id <> p_member
       AND (m.lease_until < clock_timestamp()
            OR (m.session <> p_session AND pg_try_advisory_xact_lock_shared(m.session)));
    GET DIAGNOSTICS v_gone = ROW_COUNT;

    INSERT INTO event_log.members AS m (group_name, member_id, session, topics, lease_until)
         VALUES (p_group, p_member, p_session, p_topics,
                 clock_timestamp() + make_interval(secs => p_lease_ms / 1000.0))
    ON CONFLICT (group_name, member_id) DO UPDATE
            SET session = excluded.session, lease_until = excluded.lease_until
      RETURNING m.xmax = 0 INTO v_new;

    INSERT INTO event_log.group_offsets (group_name, topic_id, partition, next_offset)
    SELECT p_group, p.topic_id, p.partition, CASE WHEN p_latest THEN p.next_offset ELSE p.first_offset END
      FROM event_log.partitions p
     WHERE p.topic_id = ANY (p_topics)
       AND NOT EXISTS (SELECT FROM event_log.group_offsets o
                        WHERE o.group_name = p_group AND o.topic_id = p.topic_id AND o.partition = p.partition)
    ON CONFLICT DO NOTHING;

    -- Partition p of a topic belongs to reader p mod n of its n readers: everybody computes the same.
    WITH readers AS (
        SELECT t.topic_id, m.member_id, row_number() OVER w - 1 AS place, count(*) OVER (PARTITION BY t.topic_id) AS n
          FROM event_log.members m CROSS JOIN LATERAL unnest(m.topics) AS t (topic_id)
         WHERE m.group_name = p_group
        WINDOW w AS (PARTITION BY t.topic_id ORDER BY m.member_id)
    ), dealt AS (
        SELECT o.topic_id, o.partition, o.owner, r.member_id AS reader
          FROM event_log.group_offsets o
          LEFT JOIN readers r ON r.topic_id = o.topic_id AND r.place = o.partition % r.n
         WHERE o.group_name = p_group
    ), changed AS (
        -- Mine to give up; mine to take once it is free or its owner is gone.
        SELECT d.topic_id, d.partition, CASE WHEN d.reader = p_member THEN p_member END AS owner
          FROM dealt d
         WHERE (d.owner = p_member AND d.reader IS DISTINCT FROM p_member)
            OR (d.reader = p_member AND d.owner IS DISTINCT FROM p_member
                AND NOT EXISTS (SELECT FROM event_log.members m
                                 WHERE m.group_name = p_group AND m.member_id = d.owner))
    ), locked AS MATERIALIZED (
        SELECT o.topic_id, o.partition FROM event_log.group_offsets o JOIN changed USING (topic_id, partition)
         WHERE o.group_name = p_group ORDER BY o.topic_id, o.partition FOR UPDATE OF o
    ), moved AS (
        UPDATE event_log.group_offsets o SET owner = c.owner
          FROM changed c JOIN locked USING (topic_id, partition)
         WHERE o.group_name = p_group AND o.topic_id = c.topic_id AND o.partition = c.partition
     RETURNING o.owner
    )
    SELECT count(*) FILTER (WHERE owner IS NULL) INTO v_released FROM moved;

    IF v_new OR v_gone > 0 OR v_released > 0 THEN
        PERFORM pg_notify('event_log', '{"group":' || to_json(p_group)::text || '}');
    END IF;

    RETURN QUERY SELECT o.topic_id, o.partition, o.next_offset FROM event_log.group_offsets o
                  WHERE o.group_name = p_group AND o.owner = p_member;
END $$;

-- Leaves a group; the others take over.
CREATE FUNCTION event_log.leave(p_group TEXT, p_member UUID) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM pg_advisory_xact_lock(hashtextextended('event_log.group:' || p_group, 0));
    DELETE FROM event_log.members WHERE group_name = p_group AND member_id = p_member;
    PERFORM FROM event_log.group_offsets WHERE group_name = p_group AND owner = p_member
      ORDER BY topic_id, partition FOR UPDATE;
    UPDATE event_log.group_offsets SET owner = NULL WHERE group_name = p_group AND owner = p_member;
    PERFORM pg_notify('event_log', '{"group":' || to_json(p_group)::text || '}');
END $$;

-- Moves groups forward, many at a time. Rows that the member no longer owns stay as they are.
CREATE FUNCTION event_log.commit_offsets(
    p_groups TEXT[], p_members UUID[], p_topics INTEGER[], p_partitions INTEGER[], p_offsets BIGINT[]
) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    WITH input AS MATERIALIZED (
        SELECT * FROM unnest(p_groups, p_members, p_topics, p_partitions, p_offsets)
                      AS i (group_name, member_id, topic_id, partition, next_offset)
    ), locked AS MATERIALIZED (
        SELECT o.group_name, o.topic_id, o.partition FROM event_log.group_offsets o
          JOIN input i USING (group_name, topic_id, partition)
         WHERE o.owner = i.member_id AND o.next_offset < i.next_offset
         ORDER BY 1, 2, 3 FOR UPDATE OF o
    )
    UPDATE event_log.group_offsets o SET next_offset = i.next_offset, updated_at = now()
      FROM input i JOIN locked USING (group_name, topic_id, partition)
     WHERE o.group_name = i.group_name AND o.topic_id = i.topic_id AND o.partition = i.partition
       AND o.owner = i.member_id AND o.next_offset < i.next_offset;
END $$;
