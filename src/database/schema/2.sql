-- Call records: one row per recording. Cores write them, and no snapshot shows them, so they have no revision.
-- A text that is not known is '', a number or a time that is not known is 0, never NULL. Times are UNIX
-- milliseconds; stopped is 0 until the recording has ended. keep_days and archive_action are as they were sent.
--
-- updated, updated_by: the last CALLUPDATE that a client made of it here. purged: since when its sound is being
-- removed; such a row is shown to nobody and goes when the sound is gone.
CREATE TABLE records (
    ident {ident},
    global_id TEXT NOT NULL UNIQUE, core BIGINT NOT NULL, kind TEXT NOT NULL,
    started BIGINT NOT NULL, stopped BIGINT NOT NULL, duration BIGINT NOT NULL,
    filename TEXT NOT NULL, bytes BIGINT NOT NULL, blackouts TEXT NOT NULL,
    agent_first_name TEXT NOT NULL, agent_last_name TEXT NOT NULL,
    device_id TEXT NOT NULL, device_alias TEXT NOT NULL, station TEXT NOT NULL, sys_user TEXT NOT NULL,
    crm_user TEXT NOT NULL, call_group TEXT NOT NULL, gate TEXT NOT NULL, ani TEXT NOT NULL,
    dnis TEXT NOT NULL, user1 TEXT NOT NULL, user2 TEXT NOT NULL, user3 TEXT NOT NULL, user4 TEXT NOT NULL,
    user5 TEXT NOT NULL, user6 TEXT NOT NULL, user7 TEXT NOT NULL, user8 TEXT NOT NULL, user9 TEXT NOT NULL,
    user10 TEXT NOT NULL, user11 TEXT NOT NULL, user12 TEXT NOT NULL, user13 TEXT NOT NULL,
    user14 TEXT NOT NULL, user15 TEXT NOT NULL, callid TEXT NOT NULL, call_instance TEXT NOT NULL,
    call_direction TEXT NOT NULL, session_id TEXT NOT NULL, priority TEXT NOT NULL,
    max_record_time TEXT NOT NULL, max_record_silence TEXT NOT NULL, agent_initiated TEXT NOT NULL,
    cti_initiated TEXT NOT NULL, archive_action TEXT NOT NULL, keep_days TEXT NOT NULL,
    updated BIGINT NOT NULL DEFAULT 0, updated_by TEXT NOT NULL DEFAULT '', purged BIGINT NOT NULL DEFAULT 0
);

-- The newest of a period. It is on an expression so that only a search without a filter can go by it: with one,
-- PostgreSQL would else walk it back through all that is newer than the last recording of a device long silent.
CREATE INDEX records_started ON records ((started + 0));
-- What is to be purged: few pairs, and for each those that ended before a time.
CREATE INDEX records_retention ON records (archive_action, keep_days, stopped)
    WHERE length(archive_action) <= 100 AND length(keep_days) <= 100;
CREATE INDEX records_purged ON records (ident) WHERE purged > 0;

-- One per filter of CALLLIST and per key that EXPORT and the fall-back of CALLUPDATE look for. Blank ones, which are
-- most, cost nothing; what is longer than PostgreSQL can index is found, but slowly.
CREATE INDEX records_filename ON records (filename, started) WHERE length(filename) BETWEEN 1 AND 500;
CREATE INDEX records_device_id ON records (device_id, started) WHERE length(device_id) BETWEEN 1 AND 500;
CREATE INDEX records_device_alias ON records (device_alias, started) WHERE length(device_alias) BETWEEN 1 AND 500;
CREATE INDEX records_station ON records (station, started) WHERE length(station) BETWEEN 1 AND 500;
CREATE INDEX records_sys_user ON records (sys_user, started) WHERE length(sys_user) BETWEEN 1 AND 500;
CREATE INDEX records_crm_user ON records (crm_user, started) WHERE length(crm_user) BETWEEN 1 AND 500;
CREATE INDEX records_call_group ON records (call_group, started) WHERE length(call_group) BETWEEN 1 AND 500;
CREATE INDEX records_gate ON records (gate, started) WHERE length(gate) BETWEEN 1 AND 500;
CREATE INDEX records_ani ON records (ani, started) WHERE length(ani) BETWEEN 1 AND 500;
CREATE INDEX records_dnis ON records (dnis, started) WHERE length(dnis) BETWEEN 1 AND 500;
CREATE INDEX records_user1 ON records (user1, started) WHERE length(user1) BETWEEN 1 AND 500;
CREATE INDEX records_user2 ON records (user2, started) WHERE length(user2) BETWEEN 1 AND 500;
CREATE INDEX records_user3 ON records (user3, started) WHERE length(user3) BETWEEN 1 AND 500;
CREATE INDEX records_user4 ON records (user4, started) WHERE length(user4) BETWEEN 1 AND 500;
CREATE INDEX records_user5 ON records (user5, started) WHERE length(user5) BETWEEN 1 AND 500;
CREATE INDEX records_user6 ON records (user6, started) WHERE length(user6) BETWEEN 1 AND 500;
CREATE INDEX records_user7 ON records (user7, started) WHERE length(user7) BETWEEN 1 AND 500;
CREATE INDEX records_user8 ON records (user8, started) WHERE length(user8) BETWEEN 1 AND 500;
CREATE INDEX records_user9 ON records (user9, started) WHERE length(user9) BETWEEN 1 AND 500;
CREATE INDEX records_user10 ON records (user10, started) WHERE length(user10) BETWEEN 1 AND 500;
CREATE INDEX records_user11 ON records (user11, started) WHERE length(user11) BETWEEN 1 AND 500;
CREATE INDEX records_user12 ON records (user12, started) WHERE length(user12) BETWEEN 1 AND 500;
CREATE INDEX records_user13 ON records (user13, started) WHERE length(user13) BETWEEN 1 AND 500;
CREATE INDEX records_user14 ON records (user14, started) WHERE length(user14) BETWEEN 1 AND 500;
CREATE INDEX records_user15 ON records (user15, started) WHERE length(user15) BETWEEN 1 AND 500;
CREATE INDEX records_callid ON records (callid, started) WHERE length(callid) BETWEEN 1 AND 500;
CREATE INDEX records_session_id ON records (session_id, started) WHERE length(session_id) BETWEEN 1 AND 500;
