-- The sandbox's commit: a run that belongs to a student, with the reply to its event and, where the run is the
-- answer to a turn, that answer.

CREATE FUNCTION commit_run(p_event_id TEXT, p_reply JSONB, p_run JSONB, p_answer JSONB)
RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE c RECORD;
BEGIN
    -- The id of a run is derived from its event, so a repeated event finds its row.
    INSERT INTO code_submissions (run_id, student_id, query_id, code, stdin, outcome, exit_code, stdout, stderr,
                                  error, duration_us)
    VALUES ((p_run ->> 'run_id')::uuid, p_run ->> 'student_id', (p_run ->> 'query_id')::uuid, p_run ->> 'code',
            p_run ->> 'stdin', p_run ->> 'outcome', (p_run ->> 'exit_code')::int, p_run ->> 'stdout',
            p_run ->> 'stderr', nullif(p_run -> 'error', 'null'), (p_run ->> 'duration_us')::bigint)
    ON CONFLICT (run_id) DO NOTHING;
    IF p_answer IS NOT NULL THEN
        RETURN commit_answer('sandbox', p_event_id, p_reply, p_answer);
    END IF;
    SELECT * INTO c FROM claim_event('sandbox', p_event_id, p_reply);
    RETURN c.reply;
END $$;
