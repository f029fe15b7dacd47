-- What a student knows is folded in the order of time, and what of it the agents are told is complete.

-- A run's number says nothing any more about when it arrived; it is made of the run's id (functions/progress,
-- `from_run`), so that a run that is told twice is the same one.
UPDATE observations
   SET seq = ((('x' || substr(id.hex, 1, 16))::bit(64) # ('x' || substr(id.hex, 17, 16))::bit(64)) | x'8000000000000000')::bigint
  FROM (SELECT DISTINCT query_id, replace(query_id::text, '-', '') AS hex FROM observations
         WHERE seq < 0 AND query_id IS NOT NULL) id
 WHERE observations.seq < 0 AND observations.query_id = id.query_id;

-- As in 0040, with every exercise that the student has tried: what was solved is not set again, however long ago.
CREATE OR REPLACE FUNCTION student_context(p_student_id TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT jsonb_build_object(
                    'skill_level', s.skill_level,
                    'learning_style', s.learning_style,
                    'mastery_levels', s.mastery_levels,
                    'struggle_topics', to_jsonb(s.struggle_topics),
                    'achievements', to_jsonb(s.achievements),
                    'queries_by_type', s.queries_by_type,
                    'total_queries', s.total_queries,
                    'unhelpful_topics', (
                        SELECT coalesce(jsonb_agg(f.topic ORDER BY f.topic), '[]')
                          FROM (SELECT DISTINCT ON (topic) topic,
                                       (h.feedback ->> 'helpful')::boolean
                                       AND coalesce((h.feedback ->> 'rating')::int, 5) > 2 AS helped
                                  FROM query_history h CROSS JOIN unnest(h.topics) AS topic
                                 WHERE h.student_id = p_student_id AND h.feedback IS NOT NULL
                                 ORDER BY topic, h.seq DESC) f
                         WHERE NOT f.helped),
                    'recent_queries', (
                        SELECT coalesce(jsonb_agg(to_jsonb(q) ORDER BY q.seq DESC), '[]')
                          FROM (SELECT seq, query_text, assigned_agent, topics, created_at
                                  FROM query_history h
                                 WHERE h.student_id = p_student_id AND h.status = 'answered'
                                 ORDER BY h.created_at DESC LIMIT 10) q),
                    'exercises', (
                        SELECT coalesce(jsonb_agg(to_jsonb(a) - 'last_at' ORDER BY a.last_at DESC, a.exercise_id), '[]')
                          FROM (SELECT exercise_id, count(*) AS attempts, bool_or(passed) AS passed,
                                       max(created_at) AS last_at
                                  FROM exercise_attempts e
                                 WHERE e.student_id = p_student_id
                                 GROUP BY exercise_id) a))
           FROM student_progress s WHERE s.student_id = p_student_id),
        '{}')
$$;

-- As in 0007. Of the programs that ran, only those that the fold takes are read (crates/learner, keep_telling_runs), so
-- that somebody who runs a program every minute is not read for longer and longer. Turns say who answered and
-- whether a submission passed: the struggle rules tell work from difficulty by it (crates/learner, struggle::Turn).
CREATE OR REPLACE FUNCTION learner_record(p_student_id TEXT) RETURNS JSONB LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'model_version', coalesce((SELECT model_version FROM student_progress WHERE student_id = p_student_id), 0),
        'observations', (
            SELECT coalesce(jsonb_agg(to_jsonb(o) - 'student_id' ORDER BY o.observed_at, o.seq, o.place), '[]')
              FROM (SELECT * FROM observations
                     WHERE student_id = p_student_id AND NOT (kind = 'run' AND correct)
                     UNION ALL
                    (SELECT DISTINCT ON (topic, (observed_at AT TIME ZONE 'UTC')::date) * FROM observations
                      WHERE student_id = p_student_id AND kind = 'run' AND correct
                      ORDER BY topic, (observed_at AT TIME ZONE 'UTC')::date, observed_at, seq, place)) o),
        'activity', jsonb_build_object(
            'turns', (
                SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')
                  FROM (SELECT query_id, topics, coalesce(assigned_agent, '') AS agent,
                               CASE WHEN response_type = 'grading' THEN (evidence ->> 'passed')::boolean END AS passed,
                               created_at AS asked_at
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

-- As in 0007, with the learning style; of an observation that comes twice the earlier one stays, in whatever order
-- they arrive.
--
-- p_model: {skill_level, learning_style, topics_covered, mastery_levels, struggle_topics, achievements}
CREATE OR REPLACE FUNCTION commit_learning(
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
    ON CONFLICT (student_id, seq, place) DO UPDATE SET observed_at = excluded.observed_at
      WHERE excluded.observed_at < observations.observed_at;

    UPDATE student_progress
       SET skill_level = p_model ->> 'skill_level',
           -- Absent from a component that is older than this file.
           learning_style = coalesce(p_model ->> 'learning_style', learning_style),
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
