-- Accounts, turns, and what is known about each student.
--
-- Students are known by a text id: the account's UUID, or whatever an event producer calls them.

CREATE TABLE users (
    user_id       TEXT PRIMARY KEY CHECK (octet_length(user_id) BETWEEN 1 AND 255),
    email         TEXT UNIQUE,
    display_name  TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('student', 'teacher', 'admin')),
    password_hash TEXT,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- One row a student: the research document's "student progress" state, maintained by the progress agent.
CREATE TABLE student_progress (
    student_id      TEXT PRIMARY KEY CHECK (octet_length(student_id) BETWEEN 1 AND 255),
    skill_level     TEXT NOT NULL DEFAULT 'beginner'
                    CHECK (skill_level IN ('beginner', 'intermediate', 'advanced')),
    learning_style  TEXT NOT NULL DEFAULT 'step-by-step'
                    CHECK (learning_style IN ('visual', 'step-by-step', 'example-driven')),
    topics_covered  TEXT[] NOT NULL DEFAULT '{}',
    -- Probability of mastery by topic, 0 to 1: {"loops": 0.85}.
    mastery_levels  JSONB NOT NULL DEFAULT '{}',
    struggle_topics TEXT[] NOT NULL DEFAULT '{}',
    achievements    TEXT[] NOT NULL DEFAULT '{}',
    queries_by_type JSONB NOT NULL DEFAULT '{}',
    total_queries   INTEGER NOT NULL DEFAULT 0,
    -- The number that the student's next turn gets, less one.
    last_seq        BIGINT NOT NULL DEFAULT 0,
    last_activity   TIMESTAMPTZ NOT NULL DEFAULT now(),
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX student_progress_topics ON student_progress USING GIN (topics_covered);
CREATE INDEX student_progress_mastery ON student_progress USING GIN (mastery_levels);
CREATE INDEX student_progress_struggle ON student_progress USING GIN (struggle_topics);

-- What each turn showed, in the turn's order: the learner model is a fold over these rows, so that late and
-- repeated events change nothing.
CREATE TABLE observations (
    student_id  TEXT NOT NULL REFERENCES student_progress ON DELETE CASCADE,
    -- The turn's number, and the observation's place in it; runs outside turns use negative numbers.
    seq         BIGINT NOT NULL,
    place       SMALLINT NOT NULL,
    topic       TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('question', 'run', 'review', 'exercise')),
    correct     BOOLEAN NOT NULL,
    query_id    UUID,
    observed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (student_id, seq, place)
);
CREATE INDEX observations_recent ON observations (student_id, observed_at DESC);

-- Mastery as a percentage by module and topic, as the architecture document has it.
CREATE TABLE progress (
    student_id TEXT NOT NULL REFERENCES student_progress ON DELETE CASCADE,
    module     TEXT NOT NULL,
    topic      TEXT NOT NULL,
    mastery    SMALLINT NOT NULL CHECK (mastery BETWEEN 0 AND 100),
    attempts   INTEGER NOT NULL DEFAULT 0,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (student_id, module, topic)
);

-- One row a turn: a question and its answer.
CREATE TABLE query_history (
    query_id           UUID PRIMARY KEY,
    student_id         TEXT NOT NULL REFERENCES student_progress ON DELETE CASCADE,
    seq                BIGINT NOT NULL,
    status             TEXT NOT NULL DEFAULT 'received'
                       CHECK (status IN ('received', 'routed', 'answered', 'failed')),
    query_text         TEXT NOT NULL,
    -- The rest of the submitted payload (code, tests, exercise), as events::payload::QuerySubmitted.
    query              JSONB NOT NULL,
    query_vector       TSVECTOR GENERATED ALWAYS AS (to_tsvector('english', query_text)) STORED,
    assigned_agent     TEXT,
    routing_confidence DOUBLE PRECISION,
    routing_reasoning  TEXT,
    response_text      TEXT,
    response_type      TEXT,
    answered_by        TEXT,
    confidence         DOUBLE PRECISION,
    reasoning          TEXT,
    evidence           JSONB,
    topics             TEXT[] NOT NULL DEFAULT '{}',
    -- What a second agent added to the answer (a concept behind an error): {agent_name, response_text, …}.
    follow_up          JSONB,
    processing_time_ms INTEGER,
    feedback           JSONB,
    traceparent        TEXT,
    created_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    answered_at        TIMESTAMPTZ,
    expires_at         TIMESTAMPTZ NOT NULL DEFAULT now() + INTERVAL '90 days',
    UNIQUE (student_id, seq)
);
CREATE INDEX query_history_vector ON query_history USING GIN (query_vector);
CREATE INDEX query_history_student ON query_history (student_id, created_at DESC);
CREATE INDEX query_history_waiting ON query_history (created_at) WHERE status IN ('received', 'routed');
CREATE INDEX query_history_expiry ON query_history (expires_at);

-- The chat as the architecture document describes it: who said what to whom, by user and agent.
CREATE VIEW conversations AS
    SELECT student_id AS user_id, assigned_agent AS agent, query_id, seq, 'student' AS author,
           query_text AS message, created_at
      FROM query_history
    UNION ALL
    SELECT student_id, assigned_agent, query_id, seq, 'agent', response_text, answered_at
      FROM query_history
     WHERE response_text IS NOT NULL;

-- Every program that was run for a student.
CREATE TABLE code_submissions (
    run_id      UUID PRIMARY KEY,
    student_id  TEXT NOT NULL,
    query_id    UUID,
    code        TEXT NOT NULL,
    stdin       TEXT NOT NULL DEFAULT '',
    outcome     TEXT NOT NULL,
    exit_code   INTEGER NOT NULL,
    stdout      TEXT NOT NULL,
    stderr      TEXT NOT NULL,
    error       JSONB,
    duration_us BIGINT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX code_submissions_student ON code_submissions (student_id, created_at DESC);

CREATE TABLE exercise_attempts (
    attempt_id   UUID PRIMARY KEY,
    student_id   TEXT NOT NULL,
    exercise_id  TEXT NOT NULL,
    query_id     UUID,
    code         TEXT NOT NULL,
    passed       BOOLEAN NOT NULL,
    tests_passed INTEGER NOT NULL,
    tests_total  INTEGER NOT NULL,
    verdict      JSONB NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX exercise_attempts_student ON exercise_attempts (student_id, exercise_id, created_at DESC);

CREATE TABLE struggle_alerts (
    alert_id       UUID PRIMARY KEY,
    student_id     TEXT NOT NULL,
    topic          TEXT NOT NULL,
    -- The rule that fired; one open alert for each student, topic and rule.
    cause          TEXT NOT NULL,
    level          TEXT NOT NULL CHECK (level IN ('low', 'medium', 'high')),
    recommendation TEXT NOT NULL,
    context        TEXT NOT NULL,
    evidence       JSONB NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    resolved_at    TIMESTAMPTZ
);
CREATE UNIQUE INDEX struggle_alerts_open ON struggle_alerts (student_id, topic, cause) WHERE resolved_at IS NULL;
