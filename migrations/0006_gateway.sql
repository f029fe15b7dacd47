-- Sessions, the audit log, and what the sweep remembers about a turn.

-- Refresh tokens are stored as SHA-256 of the secret: whoever reads the table cannot log in with it. A token is
-- used once; all tokens of one login are a family, which is revoked as a whole when an old one comes back.
CREATE TABLE refresh_tokens (
    token_hash BYTEA PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    family_id  UUID NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    issued_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- Accounts that were erased: access tokens that were issued before are refused until they have expired.
CREATE TABLE erased_users (
    user_id   TEXT PRIMARY KEY,
    erased_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Who did what that matters for security. Erasing an account removes its name from here, not the fact.
CREATE TABLE audit_log (
    audit_id   UUID PRIMARY KEY,
    at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- The user's id; NULL when nobody was logged in, or when the account was erased.
    actor      TEXT,
    actor_role TEXT,
    action     TEXT NOT NULL,
    target     TEXT,
    address    TEXT,
    detail     JSONB NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_recent ON audit_log (at DESC);
CREATE INDEX audit_log_actor ON audit_log (actor, at DESC);

-- When a waiting turn was last published again, and how often.
ALTER TABLE query_history ADD COLUMN republished_at TIMESTAMPTZ;
ALTER TABLE query_history ADD COLUMN republish_count INTEGER NOT NULL DEFAULT 0;

CREATE INDEX dead_letters_recent ON dead_letters (created_at DESC, dead_letter_id DESC);
CREATE INDEX dead_letters_query ON dead_letters (query_id);
