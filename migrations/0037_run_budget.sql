-- Run time is budgeted as tokens are: a turn reserves its estimate before its first run, and settles what its runs took.
-- usage_ledger.cpu_us has microseconds; a reservation whose turn failed keeps its estimate until the turn is tried again.

-- Nobody called it: it counted afterwards, so nothing could be refused.
DROP FUNCTION record_runs(UUID, TEXT, TEXT, UUID, BIGINT);

-- {granted, spent?, remaining_us}. A turn that is delivered again has its reservation already.
CREATE FUNCTION reserve_runs(
    p_entry_id UUID, p_student_id TEXT, p_agent TEXT, p_query_id UUID, p_cpu_us BIGINT,
    p_student_cpu_us BIGINT, p_site_cpu_us BIGINT
) RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE used RECORD;
BEGIN
    -- The row of the site is locked for the length of this statement: two turns never take the same remainder.
    INSERT INTO usage_days (day, scope) VALUES (utc_today(), 'site') ON CONFLICT DO NOTHING;
    PERFORM FROM usage_days WHERE day = utc_today() AND scope = 'site' FOR UPDATE;
    SELECT coalesce(max(cpu_us) FILTER (WHERE scope <> 'site'), 0) AS student,
           coalesce(max(cpu_us) FILTER (WHERE scope = 'site'), 0) AS site INTO used
      FROM usage_days WHERE day = utc_today() AND scope IN ('site', 'student:' || p_student_id);
    IF EXISTS (SELECT FROM usage_ledger WHERE entry_id = p_entry_id) THEN
        RETURN jsonb_build_object('granted', true, 'remaining_us', greatest(p_student_cpu_us - used.student, 0));
    END IF;
    IF used.student + p_cpu_us > p_student_cpu_us THEN
        RETURN jsonb_build_object('granted', false, 'spent', 'student', 'remaining_us', greatest(p_student_cpu_us - used.student, 0));
    END IF;
    IF used.site + p_cpu_us > p_site_cpu_us THEN
        RETURN jsonb_build_object('granted', false, 'spent', 'site', 'remaining_us', greatest(p_student_cpu_us - used.student, 0));
    END IF;
    INSERT INTO usage_ledger (entry_id, student_id, agent, query_id, kind, state, cpu_us)
    VALUES (p_entry_id, p_student_id, p_agent, p_query_id, 'run', 'reserved', p_cpu_us);
    PERFORM add_usage(p_student_id, utc_today(), 0, 0, p_cpu_us);
    RETURN jsonb_build_object('granted', true, 'remaining_us', p_student_cpu_us - used.student - p_cpu_us);
END $$;

-- What the turn's runs took in the end. Settling twice changes nothing.
CREATE FUNCTION settle_runs(p_entry_id UUID, p_cpu_us BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE before RECORD;
BEGIN
    SELECT * INTO before FROM usage_ledger WHERE entry_id = p_entry_id AND state = 'reserved' FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    UPDATE usage_ledger SET state = 'settled', cpu_us = p_cpu_us WHERE entry_id = p_entry_id;
    PERFORM add_usage(before.student_id, (before.created_at AT TIME ZONE 'UTC')::date, 0, 0, p_cpu_us - before.cpu_us);
END $$;

-- Microseconds of run time that an agent's turns took; its /metrics shows them.
CREATE FUNCTION agent_run_us(p_agent TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(coalesce(sum(cpu_us), 0)) FROM usage_ledger WHERE agent = p_agent AND kind = 'run' AND state = 'settled'
$$;
