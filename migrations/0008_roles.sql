-- One role for each component, with the tables it needs and no others. The roles cannot log in until whoever
-- runs the system gives them a password (`learnflow up` does; docs/operations.md says how on a cluster).
-- Roles belong to the whole server, so another database of the same server may have made them already; and a
-- database that is lent by someone else may not let us make any: then every component uses its owner's role.
DO $roles$
DECLARE
    component TEXT;
    specialists TEXT[] := ARRAY['concepts', 'code_review', 'debug', 'exercise'];
BEGIN
    IF NOT (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE NOTICE 'role % may not create roles; every component will use it', current_user;
        RETURN;
    END IF;
    FOREACH component IN ARRAY specialists || ARRAY['triage', 'progress', 'sandbox', 'gateway'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'learnflow_' || component) THEN
            EXECUTE format('CREATE ROLE learnflow_%I NOLOGIN', component);
        END IF;
    END LOOP;

    -- Every consumer of events: its inbox, and the turn it works on.
    GRANT SELECT, INSERT ON inbox TO learnflow_triage, learnflow_concepts, learnflow_code_review, learnflow_debug,
        learnflow_exercise, learnflow_progress, learnflow_sandbox, learnflow_gateway;
    GRANT SELECT, INSERT, UPDATE ON query_history TO learnflow_triage, learnflow_concepts, learnflow_code_review,
        learnflow_debug, learnflow_exercise, learnflow_progress, learnflow_gateway;
    GRANT SELECT, UPDATE ON query_history TO learnflow_sandbox;
    GRANT SELECT, INSERT, UPDATE ON student_progress TO learnflow_triage, learnflow_concepts, learnflow_code_review,
        learnflow_debug, learnflow_exercise, learnflow_progress, learnflow_gateway;
    GRANT SELECT ON exercise_attempts TO learnflow_concepts, learnflow_code_review, learnflow_debug;

    GRANT SELECT, INSERT ON exercise_attempts TO learnflow_exercise, learnflow_progress;
    GRANT SELECT, INSERT, UPDATE ON observations, progress, struggle_alerts TO learnflow_progress;
    GRANT SELECT ON code_submissions TO learnflow_progress;
    GRANT SELECT, INSERT ON code_submissions TO learnflow_sandbox;

    -- The gateway shows and erases what a student owns, keeps dead letters and sweeps.
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO learnflow_gateway;
END $roles$;
