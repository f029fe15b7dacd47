-- What each agent's /metrics counts. Rows expire, are erased and change their status; a counter of Prometheus never falls.
-- So what happens is added up here once, in the statement that commits it.

-- Requests by what became of them: 'answered', 'routed', 'handled' (an event that needs no answer of a turn) or 'failed' (a
-- turn that was given up). A slot is chosen by the session, so that commits at the same time seldom wait for each other.
CREATE TABLE agent_requests (
    agent    TEXT NOT NULL,
    -- The last part of the path: `events`, or the HTTP trigger.
    endpoint TEXT NOT NULL,
    status   TEXT NOT NULL CHECK (status IN ('answered', 'routed', 'handled', 'failed')),
    slot     SMALLINT NOT NULL,
    requests BIGINT NOT NULL DEFAULT 0,
    -- Of those whose time is known: the sum, and how many ended within each bound of duration_bounds (the last one: later).
    seconds  DOUBLE PRECISION NOT NULL DEFAULT 0,
    buckets  BIGINT[] NOT NULL,
    PRIMARY KEY (agent, endpoint, status, slot)
) WITH (fillfactor = 50);

-- What settled calls of a model, and settled runs, have taken.
CREATE TABLE agent_usage (
    agent         TEXT NOT NULL,
    slot          SMALLINT NOT NULL,
    input_tokens  BIGINT NOT NULL DEFAULT 0,
    output_tokens BIGINT NOT NULL DEFAULT 0,
    cost_micros   BIGINT NOT NULL DEFAULT 0,
    cpu_us        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (agent, slot)
) WITH (fillfactor = 50);

-- From a report that reads the database to a model that writes for half a minute.
CREATE FUNCTION duration_bounds() RETURNS DOUBLE PRECISION[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]::float8[]
$$;

CREATE FUNCTION session_slot() RETURNS SMALLINT LANGUAGE sql STABLE AS $$ SELECT (pg_backend_pid() % 8)::smallint $$;

CREATE FUNCTION count_request(p_agent TEXT, p_endpoint TEXT, p_status TEXT, p_seconds DOUBLE PRECISION)
RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    bucket INTEGER := 1 + (SELECT count(*) FROM unnest(duration_bounds()) AS bound WHERE bound < p_seconds);
    own BIGINT[] := array_fill(0::bigint, ARRAY[cardinality(duration_bounds()) + 1]);
BEGIN
    IF p_seconds IS NOT NULL THEN own[bucket] := 1; END IF;
    INSERT INTO agent_requests AS r (agent, endpoint, status, slot, requests, seconds, buckets)
    VALUES (p_agent, p_endpoint, p_status, session_slot(), 1, coalesce(p_seconds, 0), own)
    ON CONFLICT (agent, endpoint, status, slot) DO UPDATE
        SET requests = r.requests + 1, seconds = r.seconds + excluded.seconds,
            buckets[bucket] = r.buckets[bucket] + excluded.buckets[bucket];
END $$;

-- A request that was handled, from what the inbox keeps of it: the row is written once, whatever is delivered again.
CREATE FUNCTION count_handled(p_agent TEXT, p_event_id TEXT, p_reply JSONB, p_handled_at TIMESTAMPTZ)
RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    payload JSONB := p_reply #> '{data,payload}';
    endpoint TEXT := 'events'; status TEXT := 'handled'; seconds DOUBLE PRECISION;
BEGIN
    -- What came over HTTP is remembered under the turn's id, an event under its own.
    IF payload ->> 'query_id' = p_event_id THEN
        endpoint := CASE p_agent
            WHEN 'triage' THEN 'analyze' WHEN 'concepts' THEN 'explain' WHEN 'code-review' THEN 'review'
            WHEN 'debug' THEN 'diagnose' WHEN 'progress' THEN 'report'
            WHEN 'exercise' THEN CASE payload ->> 'response_type' WHEN 'grading' THEN 'submit' ELSE 'generate' END
            ELSE 'events' END;
    END IF;
    IF payload ? 'response_text' THEN
        status := 'answered';
        seconds := (payload ->> 'processing_time_ms')::float8 / 1000;
    ELSIF payload ? 'target_agent' THEN
        status := 'routed';
        -- Triage takes a turn in first of all.
        SELECT extract(epoch FROM p_handled_at - q.created_at) INTO seconds
          FROM query_history q WHERE q.query_id = (payload ->> 'query_id')::uuid;
    END IF;
    PERFORM count_request(p_agent, endpoint, status, greatest(seconds, 0));
END $$;

-- With the owner's rights: no component may change a total by itself.
CREATE FUNCTION count_inbox() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM count_handled(NEW.consumer, NEW.event_id, NEW.reply, NEW.handled_at);
    RETURN NULL;
END $$;
CREATE TRIGGER inbox_counted AFTER INSERT ON inbox FOR EACH ROW
    WHEN (NEW.consumer IN ('triage', 'concepts', 'code-review', 'debug', 'exercise', 'progress'))
    EXECUTE FUNCTION count_inbox();

CREATE FUNCTION count_failed_turn() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    PERFORM count_request(coalesce(NEW.assigned_agent, 'triage'), 'events', 'failed', NULL);
    RETURN NULL;
END $$;
-- Turns fail by their events only: a request over HTTP is told so at once.
CREATE TRIGGER turn_failure_counted AFTER UPDATE OF status ON query_history FOR EACH ROW
    WHEN (NEW.status = 'failed' AND OLD.status <> 'failed') EXECUTE FUNCTION count_failed_turn();

CREATE FUNCTION count_settled() RETURNS TRIGGER LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO agent_usage AS u (agent, slot, input_tokens, output_tokens, cost_micros, cpu_us)
    VALUES (NEW.agent, session_slot(), NEW.input_tokens, NEW.output_tokens, NEW.cost_micros, NEW.cpu_us)
    ON CONFLICT (agent, slot) DO UPDATE
        SET input_tokens = u.input_tokens + excluded.input_tokens,
            output_tokens = u.output_tokens + excluded.output_tokens,
            cost_micros = u.cost_micros + excluded.cost_micros, cpu_us = u.cpu_us + excluded.cpu_us;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_counted AFTER INSERT ON usage_ledger FOR EACH ROW
    WHEN (NEW.state = 'settled') EXECUTE FUNCTION count_settled();
CREATE TRIGGER settling_counted AFTER UPDATE OF state ON usage_ledger FOR EACH ROW
    WHEN (NEW.state = 'settled' AND OLD.state <> 'settled') EXECUTE FUNCTION count_settled();

-- Counters go on from what there is.
SELECT count_handled(consumer, event_id, reply, handled_at) FROM inbox
 WHERE consumer IN ('triage', 'concepts', 'code-review', 'debug', 'exercise', 'progress');
SELECT count_request(coalesce(assigned_agent, 'triage'), 'events', 'failed', NULL) FROM query_history WHERE status = 'failed';
INSERT INTO agent_usage (agent, slot, input_tokens, output_tokens, cost_micros, cpu_us)
SELECT agent, 0, sum(input_tokens), sum(output_tokens), sum(cost_micros), sum(cpu_us)
  FROM usage_ledger WHERE state = 'settled' GROUP BY agent;

-- What an agent's /metrics shows (crates/agent-spin/src/http.rs). `waiting` is what there is now; all else only grows.
DROP FUNCTION agent_run_us(TEXT);
CREATE OR REPLACE FUNCTION agent_counts(p_agent TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    WITH requests AS (
        SELECT endpoint, status, sum(requests) AS requests FROM agent_requests WHERE agent = p_agent GROUP BY endpoint, status
    ), buckets AS (
        SELECT endpoint, place, sum(number) AS number
          FROM agent_requests, unnest(buckets) WITH ORDINALITY AS b(number, place)
         WHERE agent = p_agent GROUP BY endpoint, place
    ), durations AS (
        SELECT endpoint, jsonb_agg(number ORDER BY place) AS buckets,
               (SELECT sum(r.seconds) FROM agent_requests r WHERE r.agent = p_agent AND r.endpoint = b.endpoint) AS seconds
          FROM buckets b GROUP BY endpoint
    ), used AS (
        SELECT coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
               coalesce(sum(cost_micros), 0) AS cost_micros, coalesce(sum(cpu_us), 0) AS cpu_us
          FROM agent_usage WHERE agent = p_agent
    )
    SELECT jsonb_build_object(
        'requests', (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.endpoint, r.status), '[]') FROM requests r),
        'bounds', duration_bounds(),
        'durations', (SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.endpoint), '[]') FROM durations d),
        'waiting', (SELECT count(*) FROM query_history
                     WHERE status IN ('received', 'routed')
                       AND (assigned_agent = p_agent OR assigned_agent IS NULL AND p_agent = 'triage')),
        'used', (SELECT to_jsonb(u) FROM used u),
        'counters', (SELECT coalesce(jsonb_object_agg(counter, value), '{}') FROM agent_counters WHERE agent = p_agent))
$$;

DO $roles$
BEGIN
    -- 0008 says when there are no roles.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'learnflow_triage') THEN RETURN; END IF;
    GRANT SELECT ON agent_requests, agent_usage TO learnflow_triage, learnflow_concepts, learnflow_code_review,
        learnflow_debug, learnflow_exercise, learnflow_progress, learnflow_gateway;
END $roles$;
