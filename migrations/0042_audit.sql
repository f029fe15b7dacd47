-- The audit log names people by their ids only, so that an erasure finds them.

-- Refused logins used to hold the address that was typed. One that has an account is that account's; any other may be
-- that of somebody who was erased, and goes.
UPDATE audit_log a
   SET target = coalesce(a.target, (SELECT u.user_id FROM users u WHERE u.email = a.detail ->> 'email')),
       detail = a.detail - 'email'
 WHERE a.detail ? 'email';

-- What was done to somebody: the operator's page, an export and an erasure ask.
CREATE INDEX audit_log_target ON audit_log (target, at DESC);
