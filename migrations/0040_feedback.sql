-- What a student said of earlier answers changes how a topic is told the next time.

-- As in 0007, with the topics whose last rated answer did not help. A later rating decides; what expired is forgotten.
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
                        SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.last_at DESC), '[]')
                          FROM (SELECT exercise_id, count(*) AS attempts, bool_or(passed) AS passed,
                                       max(created_at) AS last_at
                                  FROM exercise_attempts e
                                 WHERE e.student_id = p_student_id
                                 GROUP BY exercise_id ORDER BY max(created_at) DESC LIMIT 50) a))
           FROM student_progress s WHERE s.student_id = p_student_id),
        '{}')
$$;
