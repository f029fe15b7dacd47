-- Heartbeats of agents that are not there between two messages. Somebody who is always there (the gateway's sweep) asks
-- agent_health and writes what it says: one row for each agent and half minute, however many replicas ask.
CREATE FUNCTION record_agent_metrics() RETURNS VOID LANGUAGE sql AS $$
    DELETE FROM agent_metrics WHERE timestamp < now() - INTERVAL '7 days';
    INSERT INTO agent_metrics (agent_name, timestamp, status, queue_depth, avg_response_time_ms, error_count)
    SELECT agent, to_timestamp(floor(extract(epoch FROM now()) / 30) * 30), h ->> 'status', (h ->> 'queue_depth')::bigint,
           (h ->> 'avg_response_time_ms')::int, (h ->> 'error_count_last_hour')::int
      FROM unnest(ARRAY['triage', 'concepts', 'code-review', 'debug', 'exercise', 'progress']) agent,
           LATERAL agent_health(agent) h
    ON CONFLICT (agent_name, timestamp) DO NOTHING
$$;

-- The research document's `agents:health`: every agent by its name.
CREATE FUNCTION agents_health() RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT jsonb_object_agg(agent, agent_health(agent))
      FROM unnest(ARRAY['triage', 'concepts', 'code-review', 'debug', 'exercise', 'progress']) agent
$$;
