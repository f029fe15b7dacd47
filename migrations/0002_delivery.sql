-- Exactly-once effects over at-least-once delivery, and what keeps the system healthy.

-- Every event that a consumer has handled, with the reply it gave. A redelivered event finds its row here
-- and gets the same reply; its effects are not repeated.
CREATE TABLE inbox (
    consumer   TEXT NOT NULL,
    event_id   TEXT NOT NULL,
    -- The replied CloudEvent in structured JSON; NULL when the consumer replied with nothing.
    reply      JSONB,
    handled_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_age ON inbox (handled_at);

CREATE TABLE dead_letters (
    dead_letter_id UUID PRIMARY KEY,
    event_id       TEXT NOT NULL,
    event_type     TEXT NOT NULL,
    student_id     TEXT,
    query_id       UUID,
    -- The whole CloudEvent in structured JSON, with Knative's error attributes.
    event          JSONB NOT NULL,
    destination    TEXT,
    error_code     INTEGER,
    error_data     TEXT,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    replayed_at    TIMESTAMPTZ,
    UNIQUE (event_id, destination)
);

CREATE TABLE response_cache (
    cache_key  TEXT PRIMARY KEY,
    agent      TEXT NOT NULL,
    response   JSONB NOT NULL,
    hits       BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE circuit_breakers (
    name       TEXT PRIMARY KEY,
    state      TEXT NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half-open')),
    failures   INTEGER NOT NULL DEFAULT 0,
    opened_at  TIMESTAMPTZ,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE usage_ledger (
    entry_id      UUID PRIMARY KEY,
    student_id    TEXT NOT NULL,
    agent         TEXT NOT NULL,
    query_id      UUID,
    -- What was used: 'llm' counts tokens and cost, 'run' counts processor time.
    kind          TEXT NOT NULL CHECK (kind IN ('llm', 'run')),
    input_tokens  BIGINT NOT NULL DEFAULT 0,
    output_tokens BIGINT NOT NULL DEFAULT 0,
    cost_micros   BIGINT NOT NULL DEFAULT 0,
    cpu_us        BIGINT NOT NULL DEFAULT 0,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX usage_ledger_student ON usage_ledger (student_id, created_at DESC);

CREATE TABLE agent_metrics (
    agent_name           TEXT NOT NULL,
    timestamp            TIMESTAMPTZ NOT NULL,
    status               TEXT NOT NULL CHECK (status IN ('active', 'idle', 'error')),
    queue_depth          BIGINT NOT NULL,
    avg_response_time_ms INTEGER,
    error_count          INTEGER NOT NULL,
    PRIMARY KEY (agent_name, timestamp)
);
CREATE INDEX agent_metrics_recent ON agent_metrics (agent_name, timestamp DESC);
