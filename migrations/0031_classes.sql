-- Classes: who teaches whom, how far help may go, what the course says, and exercises of its own.

CREATE TABLE classes (
    class_id   UUID PRIMARY KEY,
    name       TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    -- What students join with, without separators; NULL while nobody may join.
    join_code  TEXT UNIQUE,
    -- How far help goes; NULL: as far as without a class.
    max_tier   TEXT CHECK (max_tier IN ('nudge', 'pointer', 'explanation', 'worked-part', 'full')),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE class_teachers (
    class_id UUID NOT NULL REFERENCES classes ON DELETE CASCADE,
    user_id  TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (class_id, user_id)
);
CREATE INDEX class_teachers_user ON class_teachers (user_id);

CREATE TABLE class_members (
    class_id   UUID NOT NULL REFERENCES classes ON DELETE CASCADE,
    student_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    joined_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (class_id, student_id)
);
CREATE INDEX class_members_student ON class_members (student_id);

-- Where help with one exercise goes another way than in general.
CREATE TABLE class_policies (
    class_id    UUID NOT NULL REFERENCES classes ON DELETE CASCADE,
    exercise_id TEXT NOT NULL CHECK (octet_length(exercise_id) BETWEEN 1 AND 255),
    max_tier    TEXT NOT NULL CHECK (max_tier IN ('nudge', 'pointer', 'explanation', 'worked-part', 'full')),
    PRIMARY KEY (class_id, exercise_id)
);

-- What the course says about a topic; no topics: about all.
CREATE TABLE class_notes (
    note_id    UUID PRIMARY KEY,
    class_id   UUID NOT NULL REFERENCES classes ON DELETE CASCADE,
    title      TEXT NOT NULL,
    text       TEXT NOT NULL,
    topics     TEXT[] NOT NULL DEFAULT '{}',
    author_id  TEXT REFERENCES users ON DELETE SET NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX class_notes_class ON class_notes (class_id, updated_at DESC);

-- Exercises that a class's teacher wrote, as exercises.exercise has them (0030). Students see verified ones.
CREATE TABLE class_exercises (
    exercise_id TEXT PRIMARY KEY CHECK (octet_length(exercise_id) BETWEEN 1 AND 255),
    class_id    UUID NOT NULL REFERENCES classes ON DELETE CASCADE,
    author_id   TEXT REFERENCES users ON DELETE SET NULL,
    exercise    JSONB NOT NULL,
    -- When the sandbox saw the solution pass, and the starter and the wrong answers fail.
    verified_at TIMESTAMPTZ,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX class_exercises_class ON class_exercises (class_id);

-- Who dealt with an alert, and how.
ALTER TABLE struggle_alerts
    ADD COLUMN resolved_by TEXT REFERENCES users ON DELETE SET NULL,
    ADD COLUMN note        TEXT;
CREATE INDEX struggle_alerts_student ON struggle_alerts (student_id, created_at DESC);

-- Whether a teacher looks after a student: in a class of the teacher's, or in nobody's class. Who is no student is
-- looked after by nobody.
CREATE FUNCTION teaches(p_teacher_id TEXT, p_student_id TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM class_members m JOIN class_teachers t USING (class_id)
                    WHERE m.student_id = p_student_id AND t.user_id = p_teacher_id)
        OR (NOT EXISTS (SELECT FROM class_members m WHERE m.student_id = p_student_id)
            AND NOT EXISTS (SELECT FROM users u WHERE u.user_id = p_student_id AND u.role <> 'student'))
$$;

-- How far help goes, least first.
CREATE FUNCTION tier_rank(p_tier TEXT) RETURNS INTEGER LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['nudge', 'pointer', 'explanation', 'worked-part', 'full'], p_tier)
$$;

-- What a student's classes say (0030 asks it in `tutoring`). Of several classes the strictest counts, and an exercise
-- of a class's own is that class's affair. The agents see nothing else of the classes.
CREATE FUNCTION course_context(p_student_id TEXT, p_exercise_id TEXT) RETURNS JSONB LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public AS $$
    WITH mine AS (
        SELECT c.class_id, coalesce(p.max_tier, c.max_tier) AS tier
          FROM class_members m
          JOIN classes c USING (class_id)
          LEFT JOIN class_policies p ON p.class_id = c.class_id AND p.exercise_id = p_exercise_id
         WHERE m.student_id = p_student_id
    ), own AS (
        SELECT e.class_id FROM class_exercises e WHERE e.exercise_id = p_exercise_id
    )
    SELECT jsonb_build_object(
        'max_tier', (SELECT tier FROM mine
                      WHERE tier IS NOT NULL
                        AND (NOT EXISTS (SELECT FROM own) OR class_id IN (SELECT class_id FROM own))
                   ORDER BY tier_rank(tier) LIMIT 1),
        'notes', (SELECT coalesce(jsonb_agg(jsonb_build_object('title', n.title, 'text', n.text, 'topics', n.topics)
                                            ORDER BY n.updated_at DESC), '[]')
                    FROM (SELECT title, text, topics, updated_at FROM class_notes JOIN mine USING (class_id)
                        ORDER BY updated_at DESC LIMIT 20) n))
$$;

-- An exercise that is not in the bank, for whoever may work on it: made by a model, or a verified one of a class that
-- the student learns or teaches in.
CREATE FUNCTION kept_exercise(p_student_id TEXT, p_exercise_id TEXT) RETURNS JSONB LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public AS $$
    SELECT coalesce(
        (SELECT exercise FROM exercises WHERE exercise_id = p_exercise_id),
        (SELECT e.exercise FROM class_exercises e
          WHERE e.exercise_id = p_exercise_id AND e.verified_at IS NOT NULL
            AND (EXISTS (SELECT FROM class_members m WHERE m.class_id = e.class_id AND m.student_id = p_student_id)
              OR EXISTS (SELECT FROM class_teachers t WHERE t.class_id = e.class_id AND t.user_id = p_student_id))))
$$;

-- What the agents need of exercises that are not in the bank, by id: the one that a question names, and those of the
-- student's classes, since a program may be a try at one that it does not name.
CREATE FUNCTION kept_exercises(p_student_id TEXT, p_exercise_id TEXT) RETURNS JSONB LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public AS $$
    SELECT coalesce(jsonb_object_agg(exercise_id, exercise), '{}')
      FROM (SELECT p_exercise_id AS exercise_id, kept_exercise(p_student_id, p_exercise_id) AS exercise
            UNION
            (SELECT e.exercise_id, e.exercise FROM class_exercises e JOIN class_members m USING (class_id)
              WHERE m.student_id = p_student_id AND e.verified_at IS NOT NULL
           ORDER BY e.updated_at DESC LIMIT 100)) known
     WHERE exercise IS NOT NULL
$$;

DO $roles$
BEGIN
    -- 0008 says when there are no roles.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'learnflow_gateway') THEN RETURN; END IF;
    GRANT SELECT, INSERT, UPDATE, DELETE ON classes, class_teachers, class_members, class_policies, class_notes,
        class_exercises TO learnflow_gateway;
END $roles$;

-- The operator's page asks for each agent's last hour.
CREATE INDEX query_history_agent ON query_history (assigned_agent, created_at DESC);
