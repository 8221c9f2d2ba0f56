-- What was done about the starts of blackouts that a core had not confirmed in time: one row per start and action.
-- obligation: the start, as it is owed. action: webhook, recordstop or callstop. state: pending, then done, needless or
-- failed. attempts, not_before, leased, reply, ended: as those of obligations.
CREATE TABLE compensations (
    obligation BIGINT NOT NULL, action TEXT NOT NULL, state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0, not_before BIGINT NOT NULL DEFAULT 0, leased BIGINT NOT NULL DEFAULT 0,
    reply TEXT NOT NULL DEFAULT '', ended BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (obligation, action)
);

CREATE INDEX compensations_pending ON compensations (not_before) WHERE state = 'pending';
CREATE INDEX compensations_ended ON compensations (ended) WHERE state <> 'pending';
