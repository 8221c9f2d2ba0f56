-- What is still owed to cores: one row per command and core. Times are UNIX milliseconds.
--
-- chain: what is owed to one core about one device, agent or chat is delivered in the order of asked, one at a time.
-- device: how it names the device, for people. body: the command as the core gets it, from behind REQUESTID up to TIMEOFFSET, which is written at delivery so that
-- it still means the moment in `meant`. forgives: 1 if "not mine" from this core is no failure.
-- state: pending, then delivered, refused, superseded or expired; reply says with what words. not_before, leased:
-- nobody else delivers it until then.
CREATE TABLE obligations (
    ident {ident}, core BIGINT NOT NULL, chain BIGINT NOT NULL, command TEXT NOT NULL,
    device TEXT NOT NULL, body TEXT NOT NULL,
    asked BIGINT NOT NULL, meant BIGINT NOT NULL, forgives BIGINT NOT NULL, state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0, not_before BIGINT NOT NULL DEFAULT 0, leased BIGINT NOT NULL DEFAULT 0,
    reply TEXT NOT NULL DEFAULT '', ended BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX obligations_pending ON obligations (core, chain, asked, ident) WHERE state = 'pending';
CREATE INDEX obligations_ended ON obligations (ended) WHERE state <> 'pending';
