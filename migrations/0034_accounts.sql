-- Consent to a language model, a day's runs, and logins with somebody else's identity provider.

-- NULL: never asked. What 0030's tutoring() asks before a model is.
ALTER TABLE users
    ADD COLUMN llm_consent    BOOLEAN,
    ADD COLUMN llm_consent_at TIMESTAMPTZ;

CREATE FUNCTION llm_consent(p_student_id TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public AS $$
    SELECT llm_consent FROM users WHERE user_id = p_student_id
$$;

-- Who somebody is at an identity provider (OpenID Connect: iss and sub). An account may have several.
CREATE TABLE external_identities (
    issuer        TEXT NOT NULL CHECK (octet_length(issuer) BETWEEN 1 AND 2048),
    subject       TEXT NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 255),
    user_id       TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_login_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX external_identities_user ON external_identities (user_id);

-- Logins that were sent to the provider and have not come back. The state is stored as its SHA-256; each is used once.
CREATE TABLE oidc_logins (
    state_hash    BYTEA PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    nonce         TEXT NOT NULL,
    code_verifier TEXT NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL
);
CREATE INDEX oidc_logins_expiry ON oidc_logins (expires_at);

-- As in 0030; an account that logs in elsewhere may have no address that is known to be its own.
CREATE OR REPLACE FUNCTION has_account(p_student_id TEXT) RETURNS BOOLEAN LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = public AS $$
    SELECT EXISTS (SELECT FROM users WHERE user_id = p_student_id AND email IS NOT NULL)
        OR EXISTS (SELECT FROM external_identities WHERE user_id = p_student_id)
$$;

-- Programs that a student ran today, beside what 0030 counts.
ALTER TABLE usage_days ADD COLUMN runs BIGINT NOT NULL DEFAULT 0;

-- Takes one run out of a student's day. Returns how many are left, or NULL when none was.
CREATE FUNCTION take_run(p_student_id TEXT, p_limit BIGINT) RETURNS BIGINT LANGUAGE sql AS $$
    INSERT INTO usage_days AS d (day, scope, runs)
    SELECT utc_today(), 'student:' || p_student_id, 1 WHERE p_limit > 0
    ON CONFLICT (day, scope) DO UPDATE SET runs = d.runs + 1 WHERE d.runs < p_limit
    RETURNING p_limit - d.runs
$$;

-- What is used of today's quotas, and when the day ends.
CREATE FUNCTION quotas_today(p_student_id TEXT) RETURNS TABLE (runs BIGINT, tokens BIGINT, resets_at TIMESTAMPTZ)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(d.runs), 0), coalesce(max(d.tokens), 0), (utc_today() + 1)::timestamp AT TIME ZONE 'UTC'
      FROM usage_days d WHERE d.day = utc_today() AND d.scope = 'student:' || p_student_id
$$;

-- Whoever was active lately may be sitting still in an exercise.
CREATE INDEX student_progress_activity ON student_progress (last_activity);

-- The exercise that a student has open: the last one that was given, asked about or submitted, unless it was solved;
-- and the last thing that the student did (crates/learner, struggle::OpenExercise). Those who did nothing
-- for less than p_still_s, or for p_gone_s and more, are left out.
CREATE FUNCTION still_students(p_still_s DOUBLE PRECISION, p_gone_s DOUBLE PRECISION, p_limit INTEGER)
RETURNS TABLE (student_id TEXT, exercise_id TEXT, topic TEXT, touched_at TIMESTAMPTZ) LANGUAGE sql STABLE AS $$
    SELECT s.student_id, e.exercise_id, e.topic, l.touched_at
      FROM student_progress s
     CROSS JOIN LATERAL (
           SELECT coalesce(q.query ->> 'exercise_id', q.evidence ->> 'exercise_id') AS exercise_id,
                  coalesce(q.topics[1], '') AS topic, q.created_at AS at
             FROM query_history q
            WHERE q.student_id = s.student_id AND q.created_at > now() - INTERVAL '1 day'
              AND coalesce(q.query ->> 'exercise_id', q.evidence ->> 'exercise_id') IS NOT NULL
         ORDER BY q.created_at DESC LIMIT 1) e
     CROSS JOIN LATERAL (
           SELECT greatest(
               (SELECT max(q.created_at) FROM query_history q WHERE q.student_id = s.student_id),
               (SELECT max(c.created_at) FROM code_submissions c WHERE c.student_id = s.student_id),
               (SELECT max(a.created_at) FROM exercise_attempts a WHERE a.student_id = s.student_id)) AS touched_at) l
     -- last_activity is never before what the student did: this only spares looking at everybody.
     WHERE s.last_activity > now() - make_interval(secs => p_gone_s)
       AND l.touched_at <= now() - make_interval(secs => p_still_s)
       AND l.touched_at > now() - make_interval(secs => p_gone_s)
       AND NOT EXISTS (SELECT FROM exercise_attempts a
                        WHERE a.student_id = s.student_id AND a.exercise_id = e.exercise_id AND a.passed)
  ORDER BY l.touched_at LIMIT p_limit
$$;

DO $roles$
BEGIN
    -- 0008 says when there are no roles.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'learnflow_gateway') THEN RETURN; END IF;
    GRANT SELECT, INSERT, UPDATE, DELETE ON external_identities, oidc_logins TO learnflow_gateway;
    -- Erasing an account takes what it sent out of the log as well.
    GRANT USAGE ON SCHEMA event_log TO learnflow_gateway;
    GRANT SELECT, DELETE ON event_log.records TO learnflow_gateway;
END $roles$;
