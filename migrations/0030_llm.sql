-- What a language model's answers need beside the turn: budgets, the breaker and the cache, shared by all
-- instances (a component lives for one request); and what a student may be helped with.

-- Which model wrote an answer, and what that took.
ALTER TABLE query_history
    ADD COLUMN model         TEXT,
    ADD COLUMN prompt_hash   TEXT,
    ADD COLUMN input_tokens  BIGINT,
    ADD COLUMN output_tokens BIGINT,
    ADD COLUMN cost_micros   BIGINT,
    ADD COLUMN hint_tier     TEXT
        CHECK (hint_tier IN ('nudge', 'pointer', 'explanation', 'worked-part', 'full'));
CREATE INDEX query_history_hints ON query_history (student_id, answered_at DESC) WHERE hint_tier IS NOT NULL;

-- A reservation is a row with the call's estimate; settling it writes what the call took. Sums are right at any
-- time, and a call whose instance died keeps its estimate.
ALTER TABLE usage_ledger
    ADD COLUMN model TEXT,
    ADD COLUMN state TEXT NOT NULL DEFAULT 'settled' CHECK (state IN ('reserved', 'settled'));

-- Today's sums, so that a reservation need not add up the ledger: scope 'site' or 'student:<id>'.
CREATE TABLE usage_days (
    day         DATE NOT NULL,
    scope       TEXT NOT NULL,
    tokens      BIGINT NOT NULL DEFAULT 0,
    cost_micros BIGINT NOT NULL DEFAULT 0,
    cpu_us      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, scope)
);

CREATE FUNCTION utc_today() RETURNS DATE LANGUAGE sql STABLE AS $$ SELECT (now() AT TIME ZONE 'UTC')::date $$;

CREATE FUNCTION add_usage(p_student_id TEXT, p_day DATE, p_tokens BIGINT, p_cost_micros BIGINT, p_cpu_us BIGINT)
RETURNS VOID LANGUAGE sql AS $$
    -- Always in the same order, so that two calls never wait for each other.
    INSERT INTO usage_days AS d (day, scope, tokens, cost_micros, cpu_us)
    SELECT p_day, scope, p_tokens, p_cost_micros, p_cpu_us
      FROM unnest(ARRAY['site', 'student:' || p_student_id]) WITH ORDINALITY AS s(scope, place) ORDER BY place
    ON CONFLICT (day, scope) DO UPDATE
        SET tokens = d.tokens + excluded.tokens, cost_micros = d.cost_micros + excluded.cost_micros,
            cpu_us = d.cpu_us + excluded.cpu_us
$$;

-- What is used today.
CREATE FUNCTION usage_today(p_student_id TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'tokens', coalesce(max(tokens) FILTER (WHERE scope <> 'site'), 0),
        'cost_micros', coalesce(max(cost_micros) FILTER (WHERE scope <> 'site'), 0),
        'cpu_us', coalesce(max(cpu_us) FILTER (WHERE scope <> 'site'), 0),
        'site_cost_micros', coalesce(max(cost_micros) FILTER (WHERE scope = 'site'), 0),
        'resets_at', ((utc_today() + 1)::timestamp AT TIME ZONE 'UTC'))
      FROM usage_days WHERE day = utc_today() AND scope IN ('site', 'student:' || p_student_id)
$$;

-- Reserves a call's estimate against both budgets, or says which one is spent. The row of the site is locked first,
-- for the length of this statement only: two calls never take the same remainder.
CREATE FUNCTION reserve_usage(
    p_entry_id UUID, p_student_id TEXT, p_agent TEXT, p_query_id UUID, p_model TEXT,
    p_input_tokens BIGINT, p_output_tokens BIGINT, p_cost_micros BIGINT,
    p_student_tokens BIGINT, p_site_cost_micros BIGINT
) RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE used JSONB; wanted BIGINT := p_input_tokens + p_output_tokens;
BEGIN
    INSERT INTO usage_days (day, scope) VALUES (utc_today(), 'site') ON CONFLICT DO NOTHING;
    PERFORM FROM usage_days WHERE day = utc_today() AND scope = 'site' FOR UPDATE;
    used := usage_today(p_student_id);
    IF (used ->> 'tokens')::bigint + wanted > p_student_tokens THEN
        RETURN jsonb_build_object('granted', false, 'spent', 'student',
                                  'remaining', greatest(p_student_tokens - (used ->> 'tokens')::bigint, 0));
    END IF;
    IF (used ->> 'site_cost_micros')::bigint + p_cost_micros > p_site_cost_micros THEN
        RETURN jsonb_build_object('granted', false, 'spent', 'site',
                                  'remaining', greatest(p_student_tokens - (used ->> 'tokens')::bigint, 0));
    END IF;
    INSERT INTO usage_ledger (entry_id, student_id, agent, query_id, kind, model, state, input_tokens, output_tokens, cost_micros)
    VALUES (p_entry_id, p_student_id, p_agent, p_query_id, 'llm', p_model, 'reserved', p_input_tokens, p_output_tokens, p_cost_micros);
    PERFORM add_usage(p_student_id, utc_today(), wanted, p_cost_micros, 0);
    RETURN jsonb_build_object('granted', true, 'remaining', p_student_tokens - (used ->> 'tokens')::bigint - wanted);
END $$;

-- What a reserved call took in the end. Settling twice changes nothing.
CREATE FUNCTION settle_usage(p_entry_id UUID, p_input_tokens BIGINT, p_output_tokens BIGINT, p_cost_micros BIGINT)
RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE before RECORD;
BEGIN
    SELECT * INTO before FROM usage_ledger WHERE entry_id = p_entry_id AND state = 'reserved' FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    UPDATE usage_ledger SET state = 'settled', input_tokens = p_input_tokens, output_tokens = p_output_tokens,
                            cost_micros = p_cost_micros
     WHERE entry_id = p_entry_id;
    PERFORM add_usage(before.student_id, (before.created_at AT TIME ZONE 'UTC')::date,
                      p_input_tokens + p_output_tokens - before.input_tokens - before.output_tokens,
                      p_cost_micros - before.cost_micros, 0);
END $$;

-- Processor time of a student's runs in an agent's service.
CREATE FUNCTION record_runs(p_entry_id UUID, p_student_id TEXT, p_agent TEXT, p_query_id UUID, p_cpu_us BIGINT)
RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_ledger (entry_id, student_id, agent, query_id, kind, cpu_us)
    VALUES (p_entry_id, p_student_id, p_agent, p_query_id, 'run', p_cpu_us) ON CONFLICT DO NOTHING;
    IF FOUND THEN PERFORM add_usage(p_student_id, utc_today(), 0, 0, p_cpu_us); END IF;
END $$;

-- The circuit breaker of a provider: three failures within 30 s open it for 5 s; then up to three calls may try, and
-- the first outcome decides. probes counts the calls that were let through since it half opened.
ALTER TABLE circuit_breakers
    ADD COLUMN first_failure_at TIMESTAMPTZ,
    ADD COLUMN probes INTEGER NOT NULL DEFAULT 0;

-- Whether a call may be made now.
CREATE FUNCTION breaker_allows(p_name TEXT) RETURNS BOOLEAN LANGUAGE plpgsql AS $$
DECLARE b circuit_breakers;
BEGIN
    SELECT * INTO b FROM circuit_breakers WHERE name = p_name;
    IF NOT FOUND OR b.state = 'closed' THEN RETURN true; END IF;
    SELECT * INTO b FROM circuit_breakers WHERE name = p_name FOR UPDATE;
    IF b.state = 'open' AND b.opened_at > now() - INTERVAL '5 seconds' THEN RETURN false; END IF;
    IF b.state = 'half-open' AND b.probes >= 3 AND b.updated_at > now() - INTERVAL '30 seconds' THEN RETURN false; END IF;
    UPDATE circuit_breakers
       SET state = 'half-open', probes = CASE WHEN b.state = 'half-open' AND b.probes < 3 THEN b.probes + 1 ELSE 1 END,
           updated_at = now()
     WHERE name = p_name;
    RETURN true;
END $$;

-- What a call that was allowed came to.
CREATE FUNCTION breaker_outcome(p_name TEXT, p_ok BOOLEAN) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE b circuit_breakers;
BEGIN
    IF p_ok THEN
        UPDATE circuit_breakers
           SET state = 'closed', failures = 0, probes = 0, first_failure_at = NULL, opened_at = NULL, updated_at = now()
         WHERE name = p_name AND (state <> 'closed' OR failures > 0);
        RETURN;
    END IF;
    INSERT INTO circuit_breakers (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    SELECT * INTO b FROM circuit_breakers WHERE name = p_name FOR UPDATE;
    IF b.state = 'half-open' THEN
        UPDATE circuit_breakers SET state = 'open', opened_at = now(), probes = 0, updated_at = now() WHERE name = p_name;
        RETURN;
    END IF;
    -- Failures further apart than the interval do not add up.
    IF b.first_failure_at IS NULL OR b.first_failure_at < now() - INTERVAL '30 seconds' THEN
        b.failures := 0;
        b.first_failure_at := now();
    END IF;
    UPDATE circuit_breakers
       SET failures = b.failures + 1, first_failure_at = b.first_failure_at, updated_at = now(),
           state = CASE WHEN b.failures + 1 >= 3 THEN 'open' ELSE b.state END,
           opened_at = CASE WHEN b.failures + 1 >= 3 THEN now() ELSE b.opened_at END
     WHERE name = p_name;
END $$;

-- Events that are worth counting and belong to no turn's row; each agent's /metrics shows its own.
CREATE TABLE agent_counters (
    agent   TEXT NOT NULL,
    counter TEXT NOT NULL,
    value   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (agent, counter)
);
CREATE FUNCTION count_for_agent(p_agent TEXT, p_counter TEXT) RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO agent_counters AS c (agent, counter, value) VALUES (p_agent, p_counter, 1)
    ON CONFLICT (agent, counter) DO UPDATE SET value = c.value + 1
$$;

-- The answer that is kept under a key, counted as a hit or a miss.
CREATE FUNCTION cached_response(p_agent TEXT, p_key TEXT) RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE found_response JSONB;
BEGIN
    UPDATE response_cache SET hits = hits + 1
     WHERE cache_key = p_key AND agent = p_agent AND expires_at > now() RETURNING response INTO found_response;
    PERFORM count_for_agent(p_agent, CASE WHEN found_response IS NULL THEN 'cache_misses' ELSE 'cache_hits' END);
    RETURN found_response;
END $$;
CREATE FUNCTION cache_response(p_agent TEXT, p_key TEXT, p_response JSONB, p_hours INTEGER) RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO response_cache (cache_key, agent, response, expires_at)
    VALUES (p_key, p_agent, p_response, now() + make_interval(hours => p_hours))
    ON CONFLICT (cache_key) DO UPDATE
        SET agent = excluded.agent, response = excluded.response, expires_at = excluded.expires_at, created_at = now()
$$;
CREATE INDEX response_cache_expiry ON response_cache (expires_at);

-- How often an event was put off because the provider was overloaded; after some tries the authored tutor answers.
CREATE TABLE llm_deferrals (
    consumer   TEXT NOT NULL,
    event_id   TEXT NOT NULL,
    tries      INTEGER NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE FUNCTION defer_event(p_consumer TEXT, p_event_id TEXT) RETURNS INTEGER LANGUAGE sql AS $$
    INSERT INTO llm_deferrals AS d (consumer, event_id, tries) VALUES (p_consumer, p_event_id, 1)
    ON CONFLICT (consumer, event_id) DO UPDATE SET tries = d.tries + 1, updated_at = now()
    RETURNING tries
$$;

-- Exercises that a model made and that were verified in the sandbox: {title, topics, difficulty, statement, starter,
-- solution, hints, tests, shown, hidden, wrong} as in the authored bank.
CREATE TABLE exercises (
    exercise_id TEXT PRIMARY KEY CHECK (octet_length(exercise_id) BETWEEN 1 AND 255),
    topic       TEXT NOT NULL,
    difficulty  TEXT NOT NULL,
    exercise    JSONB NOT NULL,
    model       TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Whether somebody has an account of their own here. People who are known by name alone (a token that somebody else
-- signed) have a row in users, but nothing to log in with. The agents may ask this and see nothing else of users.
CREATE FUNCTION has_account(p_student_id TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public AS $$
    SELECT EXISTS (SELECT FROM users WHERE user_id = p_student_id AND email IS NOT NULL)
$$;

-- Whether a model may be asked for a student, and how far help may go: crates/agent, tutoring::Tutoring.
--
-- Consent is the account's own. Students without an account here (an event producer's, `learnflow ask --student`)
-- are somebody else's to ask; whoever sends their questions answers for them.
CREATE FUNCTION tutoring(p_student_id TEXT, p_exercise_id TEXT) RETURNS JSONB LANGUAGE plpgsql STABLE AS $$
DECLARE consent BOOLEAN := true; course JSONB := '{}'; last_hint RECORD;
BEGIN
    IF has_account(p_student_id) THEN
        consent := false;
        -- The accounts' part of the schema (0020) is older or newer than this file, as the installation grew.
        IF to_regprocedure('llm_consent(text)') IS NOT NULL THEN
            EXECUTE 'SELECT coalesce(llm_consent($1), false)' INTO consent USING p_student_id;
        END IF;
    END IF;
    IF to_regprocedure('course_context(text, text)') IS NOT NULL THEN
        EXECUTE 'SELECT coalesce(course_context($1, $2), ''{}'')' INTO course USING p_student_id, p_exercise_id;
    END IF;
    SELECT h.hint_tier, h.answered_at, h.query ->> 'code' AS code INTO last_hint
      FROM query_history h
     WHERE h.student_id = p_student_id AND h.hint_tier IS NOT NULL
       AND h.query ->> 'exercise_id' IS NOT DISTINCT FROM p_exercise_id
     ORDER BY h.answered_at DESC LIMIT 1;
    RETURN jsonb_build_object(
        'consent', consent,
        'max_tier', course -> 'max_tier',
        'notes', coalesce(course -> 'notes', '[]'),
        'last_tier', last_hint.hint_tier,
        'last_code', last_hint.code,
        'attempts_since_hint', (
            SELECT count(*) FROM exercise_attempts e
             WHERE e.student_id = p_student_id AND e.exercise_id = p_exercise_id
               AND e.created_at > last_hint.answered_at));
END $$;

-- A specialist's answer, as in 0003, with who wrote it and what that took.
CREATE OR REPLACE FUNCTION commit_answer(p_consumer TEXT, p_event_id TEXT, p_reply JSONB, p_answer JSONB)
RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE c RECORD;
BEGIN
    SELECT * INTO c FROM claim_event(p_consumer, p_event_id, p_reply);
    IF NOT c.claimed THEN RETURN c.reply; END IF;
    UPDATE query_history
       SET status = 'answered', answered_at = now(), assigned_agent = p_answer ->> 'agent_name',
           response_text = p_answer ->> 'response_text', response_type = p_answer ->> 'response_type',
           answered_by = p_answer ->> 'answered_by', confidence = (p_answer ->> 'confidence')::float8,
           reasoning = p_answer ->> 'reasoning', evidence = p_answer -> 'evidence',
           topics = ARRAY(SELECT jsonb_array_elements_text(coalesce(p_answer -> 'topics', '[]'))),
           processing_time_ms = (p_answer ->> 'processing_time_ms')::int,
           model = p_answer #>> '{model,model}', prompt_hash = p_answer #>> '{model,prompt_hash}',
           input_tokens = (p_answer #>> '{model,input_tokens}')::bigint,
           output_tokens = (p_answer #>> '{model,output_tokens}')::bigint,
           cost_micros = (p_answer #>> '{model,cost_micros}')::bigint,
           hint_tier = p_answer ->> 'hint_tier'
     WHERE query_id = (p_answer ->> 'query_id')::uuid AND status <> 'answered';
    IF NOT FOUND THEN
        UPDATE query_history SET follow_up = p_answer
         WHERE query_id = (p_answer ->> 'query_id')::uuid AND assigned_agent <> p_answer ->> 'agent_name';
    END IF;
    RETURN c.reply;
END $$;

-- As in 0007, with the counters.
CREATE OR REPLACE FUNCTION agent_counts(p_agent TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'handled', (SELECT count(*) FROM inbox WHERE consumer = p_agent),
        'answered', (SELECT count(*) FROM query_history WHERE assigned_agent = p_agent AND status = 'answered'),
        'failed', (SELECT count(*) FROM query_history WHERE assigned_agent = p_agent AND status = 'failed'),
        'waiting', (SELECT count(*) FROM query_history WHERE assigned_agent = p_agent AND status = 'routed'),
        'processing_ms', (SELECT coalesce(sum(processing_time_ms), 0) FROM query_history WHERE assigned_agent = p_agent),
        'input_tokens', (SELECT coalesce(sum(input_tokens), 0) FROM usage_ledger WHERE agent = p_agent AND state = 'settled'),
        'output_tokens', (SELECT coalesce(sum(output_tokens), 0) FROM usage_ledger WHERE agent = p_agent AND state = 'settled'),
        'cost_micros', (SELECT coalesce(sum(cost_micros), 0) FROM usage_ledger WHERE agent = p_agent AND state = 'settled'),
        'counters', (SELECT coalesce(jsonb_object_agg(counter, value), '{}') FROM agent_counters WHERE agent = p_agent))
$$;

-- The research document's `agents:health:<name>`, for agents that are not there between two messages: what they did
-- stands for a heartbeat, and what waits for them says whether somebody should be at work. `error` is an agent whose
-- last turn failed, or whose oldest turn waits longer than the broker tries.
CREATE FUNCTION agent_health(p_agent TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    WITH turns AS (
        SELECT status, created_at, answered_at, processing_time_ms
          FROM query_history WHERE assigned_agent = p_agent AND created_at > now() - INTERVAL '1 hour'
    ), handled AS (
        SELECT count(*) AS total, max(handled_at) AS last_at, count(*) FILTER (WHERE handled_at > now() - INTERVAL '1 hour') AS hour
          FROM inbox WHERE consumer = p_agent
    ), waiting AS (
        SELECT count(*) AS depth, min(created_at) AS oldest FROM query_history
         WHERE status IN ('received', 'routed') AND (assigned_agent = p_agent OR assigned_agent IS NULL AND p_agent = 'triage')
    )
    SELECT jsonb_build_object(
        'agent_name', p_agent,
        'status', CASE
            WHEN w.oldest < now() - INTERVAL '2 minutes'
              OR (SELECT status FROM turns WHERE status IN ('answered', 'failed') ORDER BY created_at DESC LIMIT 1) = 'failed' THEN 'error'
            WHEN w.depth > 0 OR h.last_at > now() - INTERVAL '10 seconds' THEN 'active'
            ELSE 'idle' END,
        'total_queries_processed', h.total,
        'queries_last_hour', h.hour,
        'avg_response_time_ms', (SELECT round(avg(processing_time_ms)) FROM turns WHERE status = 'answered'),
        'error_count_last_hour', (SELECT count(*) FROM turns WHERE status = 'failed'),
        'queue_depth', w.depth,
        'last_heartbeat', h.last_at)
      FROM handled h, waiting w
$$;

DO $roles$
DECLARE agents TEXT := 'learnflow_triage, learnflow_concepts, learnflow_code_review, learnflow_debug, learnflow_exercise';
BEGIN
    -- 0008 says when there are no roles.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'learnflow_triage') THEN RETURN; END IF;
    EXECUTE 'GRANT SELECT, INSERT, UPDATE ON usage_ledger, usage_days, circuit_breakers, response_cache, llm_deferrals TO ' || agents;
    EXECUTE 'GRANT SELECT, INSERT, UPDATE ON agent_counters TO learnflow_progress, ' || agents;
    GRANT SELECT ON exercise_attempts TO learnflow_triage;
    GRANT SELECT ON usage_ledger TO learnflow_progress;
    GRANT SELECT, INSERT ON exercises TO learnflow_exercise;
    GRANT SELECT ON exercises TO learnflow_debug, learnflow_code_review;
    GRANT SELECT, INSERT, UPDATE, DELETE ON usage_days, agent_counters, llm_deferrals, exercises TO learnflow_gateway;
END $roles$;
