-- What the agents read about a student, and how the progress agent writes it.

-- Counts the writes to a student's model; a writer that read an older version must read again.
ALTER TABLE student_progress ADD COLUMN model_version BIGINT NOT NULL DEFAULT 0;

-- The student as the specialists see them (crates/agent, StudentContext). A student nobody knows is new.
CREATE FUNCTION student_context(p_student_id TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT jsonb_build_object(
                    'skill_level', s.skill_level,
                    'learning_style', s.learning_style,
                    'mastery_levels', s.mastery_levels,
                    'struggle_topics', to_jsonb(s.struggle_topics),
                    'achievements', to_jsonb(s.achievements),
                    'queries_by_type', s.queries_by_type,
                    'total_queries', s.total_queries,
                    'recent_queries', (
                        SELECT coalesce(jsonb_agg(to_jsonb(q) ORDER BY q.seq DESC), '[]')
                          FROM (SELECT seq, query_text, assigned_agent, topics, created_at
                                  FROM query_history h
                                 WHERE h.student_id = p_student_id AND h.status = 'answered'
                                 ORDER BY h.created_at DESC LIMIT 10) q),
                    'exercises', (
                        SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.last_at DESC), '[]')
                          FROM (SELECT exercise_id, count(*) AS attempts, bool_or(passed) AS passed,
                                       max(created_at) AS last_at
                                  FROM exercise_attempts e
                                 WHERE e.student_id = p_student_id
                                 GROUP BY exercise_id ORDER BY max(created_at) DESC LIMIT 50) a))
           FROM student_progress s WHERE s.student_id = p_student_id),
        '{}')
$$;

-- What the progress agent folds: every observation of the student, and the activity that the struggle rules
-- look at (crates/learner, struggle::Activity).
CREATE FUNCTION learner_record(p_student_id TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'model_version', coalesce((SELECT model_version FROM student_progress WHERE student_id = p_student_id), 0),
        'observations', (
            SELECT coalesce(jsonb_agg(to_jsonb(o) - 'student_id' ORDER BY o.seq, o.place), '[]')
              FROM observations o WHERE o.student_id = p_student_id),
        'activity', jsonb_build_object(
            'turns', (
                SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')
                  FROM (SELECT query_id, topics, created_at AS asked_at
                          FROM query_history h WHERE h.student_id = p_student_id AND h.status = 'answered'
                         ORDER BY h.created_at DESC LIMIT 20) t),
            'runs', (
                SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]')
                  FROM (SELECT run_id, query_id, error ->> 'type' AS error, created_at AS ran_at
                          FROM code_submissions c WHERE c.student_id = p_student_id
                         ORDER BY c.created_at DESC LIMIT 20) r),
            'attempts', (
                SELECT coalesce(jsonb_agg(to_jsonb(a)), '[]')
                  FROM (SELECT exercise_id, coalesce(verdict ->> 'topic', '') AS topic, query_id,
                               tests_passed, tests_total, created_at AS submitted_at
                          FROM exercise_attempts e WHERE e.student_id = p_student_id
                         ORDER BY e.created_at DESC LIMIT 20) a),
            'open_alerts', (
                SELECT coalesce(jsonb_agg(jsonb_build_array(s.topic, s.cause)), '[]')
                  FROM struggle_alerts s WHERE s.student_id = p_student_id AND s.resolved_at IS NULL)))
$$;

-- Stores what one event changed in a student's model. Returns {"conflict": true} when the model moved on since
-- it was read (nothing is stored then), otherwise the reply that the event has from now on.
--
-- p_observations: [{seq, place, topic, kind, correct, query_id, observed_at}]
-- p_model:        {skill_level, topics_covered, mastery_levels, struggle_topics, achievements}
-- p_progress:     [{module, topic, mastery, attempts}]
-- p_alerts:       [{alert_id, topic, cause, level, recommendation, context, evidence}]
CREATE FUNCTION commit_learning(
    p_event_id TEXT, p_reply JSONB, p_student_id TEXT, p_expected_version BIGINT, p_agent TEXT,
    p_observations JSONB, p_model JSONB, p_progress JSONB, p_alerts JSONB
) RETURNS JSONB LANGUAGE plpgsql AS $$
DECLARE c RECORD; current_version BIGINT;
BEGIN
    INSERT INTO student_progress (student_id) VALUES (p_student_id) ON CONFLICT DO NOTHING;
    SELECT model_version INTO current_version
      FROM student_progress WHERE student_id = p_student_id FOR UPDATE;
    IF EXISTS (SELECT FROM inbox WHERE consumer = 'progress' AND event_id = p_event_id) THEN
        RETURN jsonb_build_object('reply', (SELECT reply FROM inbox WHERE consumer = 'progress' AND event_id = p_event_id));
    END IF;
    IF current_version <> p_expected_version THEN RETURN '{"conflict": true}'; END IF;
    SELECT * INTO c FROM claim_event('progress', p_event_id, p_reply);

    INSERT INTO observations (student_id, seq, place, topic, kind, correct, query_id, observed_at)
    SELECT p_student_id, o.seq, o.place, o.topic, o.kind, o.correct, o.query_id, o.observed_at
      FROM jsonb_to_recordset(p_observations) AS o(
           seq BIGINT, place SMALLINT, topic TEXT, kind TEXT, correct BOOLEAN, query_id UUID, observed_at TIMESTAMPTZ)
    ON CONFLICT DO NOTHING;

    UPDATE student_progress
       SET skill_level = p_model ->> 'skill_level',
           topics_covered = ARRAY(SELECT jsonb_array_elements_text(p_model -> 'topics_covered')),
           mastery_levels = p_model -> 'mastery_levels',
           struggle_topics = ARRAY(SELECT jsonb_array_elements_text(p_model -> 'struggle_topics')),
           achievements = ARRAY(SELECT jsonb_array_elements_text(p_model -> 'achievements')),
           queries_by_type = CASE WHEN p_agent IS NULL THEN queries_by_type ELSE
               queries_by_type || jsonb_build_object(p_agent, coalesce((queries_by_type ->> p_agent)::bigint, 0) + 1) END,
           model_version = model_version + 1,
           last_activity = now(), updated_at = now()
     WHERE student_id = p_student_id;

    INSERT INTO progress AS p (student_id, module, topic, mastery, attempts)
    SELECT p_student_id, x.module, x.topic, x.mastery, x.attempts
      FROM jsonb_to_recordset(p_progress) AS x(module TEXT, topic TEXT, mastery SMALLINT, attempts INTEGER)
    ON CONFLICT (student_id, module, topic) DO UPDATE
        SET mastery = excluded.mastery, attempts = excluded.attempts, updated_at = now()
      WHERE (p.mastery, p.attempts) IS DISTINCT FROM (excluded.mastery, excluded.attempts);

    INSERT INTO struggle_alerts (alert_id, student_id, topic, cause, level, recommendation, context, evidence)
    SELECT a.alert_id, p_student_id, a.topic, a.cause, a.level, a.recommendation, a.context, a.evidence
      FROM jsonb_to_recordset(p_alerts) AS a(
           alert_id UUID, topic TEXT, cause TEXT, level TEXT, recommendation TEXT, context TEXT, evidence JSONB)
    ON CONFLICT DO NOTHING;
    RETURN jsonb_build_object('reply', c.reply);
END $$;

-- A graded submission, kept with the answer that graded it.
CREATE FUNCTION commit_attempt(
    p_attempt_id UUID, p_student_id TEXT, p_query_id UUID, p_exercise_id TEXT, p_code TEXT,
    p_passed BOOLEAN, p_tests_passed INTEGER, p_tests_total INTEGER, p_verdict JSONB
) RETURNS VOID LANGUAGE sql AS $$
    INSERT INTO exercise_attempts (attempt_id, student_id, exercise_id, query_id, code, passed, tests_passed, tests_total, verdict)
    VALUES (p_attempt_id, p_student_id, p_exercise_id, p_query_id, p_code, p_passed, p_tests_passed, p_tests_total, p_verdict)
    ON CONFLICT DO NOTHING
$$;

-- What /metrics of an agent says: an instance lives for one request, so the counts live here.
CREATE FUNCTION agent_counts(p_agent TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'handled', (SELECT count(*) FROM inbox WHERE consumer = p_agent),
        'answered', (SELECT count(*) FROM query_history WHERE assigned_agent = p_agent AND status = 'answered'),
        'failed', (SELECT count(*) FROM query_history WHERE assigned_agent = p_agent AND status = 'failed'),
        'waiting', (SELECT count(*) FROM query_history WHERE assigned_agent = p_agent AND status = 'routed'),
        'processing_ms', (SELECT coalesce(sum(processing_time_ms), 0) FROM query_history WHERE assigned_agent = p_agent))
$$;
