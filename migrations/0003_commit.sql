-- The single statements by which handlers commit. Spin's Postgres interface has no transactions, so each of
-- these functions does all that one event may change; a call is atomic.

-- Takes a turn in, once. A repeat with the same id returns what the first call stored.
CREATE FUNCTION receive_turn(
    p_query_id UUID, p_student_id TEXT, p_query JSONB, p_traceparent TEXT
) RETURNS TABLE (seq BIGINT, status TEXT, student_id TEXT) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT q.seq, q.status, q.student_id FROM query_history q WHERE q.query_id = p_query_id;
    IF FOUND THEN RETURN; END IF;
    INSERT INTO student_progress AS s (student_id, last_seq, total_queries)
         VALUES (p_student_id, 1, 1)
    ON CONFLICT ON CONSTRAINT student_progress_pkey DO UPDATE
            SET last_seq = s.last_seq + 1, total_queries = s.total_queries + 1,
                last_activity = now(), updated_at = now();
    -- The row lock above makes concurrent repeats wait here, so the number is taken only once.
    RETURN QUERY
        INSERT INTO query_history AS q (query_id, student_id, seq, query_text, query, traceparent)
        SELECT p_query_id, p_student_id, s.last_seq, p_query ->> 'query_text', p_query, p_traceparent
          FROM student_progress s WHERE s.student_id = p_student_id
        ON CONFLICT (query_id) DO NOTHING
        RETURNING q.seq, q.status, q.student_id;
    IF NOT FOUND THEN
        UPDATE student_progress s SET last_seq = s.last_seq - 1, total_queries = s.total_queries - 1
         WHERE s.student_id = p_student_id;
        RETURN QUERY SELECT q.seq, q.status, q.student_id FROM query_history q WHERE q.query_id = p_query_id;
    END IF;
END $$;

-- Claims an event for a consumer. Returns whether this call is the first; otherwise the stored reply.
-- Every commit_* function below starts with it, in the same statement as its effects.
CREATE FUNCTION claim_event(p_consumer TEXT, p_event_id TEXT, p_reply JSONB, OUT claimed BOOLEAN, OUT reply JSONB)
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO inbox (consumer, event_id, reply) VALUES (p_consumer, p_event_id, p_reply)
    ON CONFLICT DO NOTHING;
    claimed := FOUND;
    SELECT i.reply INTO reply FROM inbox i WHERE i.consumer = p_consumer AND i.event_id = p_event_id;
END $$;

-- Triage's decision on a turn.
CREATE FUNCTION commit_routing(
    p_event_id TEXT, p_reply JSONB, p_query_id UUID, p_agent TEXT, p_confidence DOUBLE PRECISION, p_reasoning TEXT
) RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE c RECORD;
BEGIN
    SELECT * INTO c FROM claim_event('triage', p_event_id, p_reply);
    IF c.claimed THEN
        UPDATE query_history
           SET status = 'routed', assigned_agent = p_agent, routing_confidence = p_confidence,
               routing_reasoning = p_reasoning
         WHERE query_id = p_query_id AND status IN ('received', 'failed');
    END IF;
    RETURN c.reply;
END $$;

-- A specialist's answer to a turn. p_answer is events::payload::AgentResponded. An answer to a turn that
-- already has one from another agent (the explained concept of a debug answer) is kept as its follow-up.
CREATE FUNCTION commit_answer(p_consumer TEXT, p_event_id TEXT, p_reply JSONB, p_answer JSONB)
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
           processing_time_ms = (p_answer ->> 'processing_time_ms')::int
     WHERE query_id = (p_answer ->> 'query_id')::uuid AND status <> 'answered';
    IF NOT FOUND THEN
        UPDATE query_history SET follow_up = p_answer
         WHERE query_id = (p_answer ->> 'query_id')::uuid AND assigned_agent <> p_answer ->> 'agent_name';
    END IF;
    RETURN c.reply;
END $$;
