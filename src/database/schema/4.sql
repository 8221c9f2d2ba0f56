-- The ledger of blackouts: rows are added, never changed. Each writer, which is one run of one process, has a chain of
-- its own: seq counts from 1, prev is the hash of the row before, and hash is over prev and all other columns.
-- docs/ledger.md says what stands in each. Times are UNIX milliseconds.
CREATE TABLE ledger (
    writer TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, event TEXT NOT NULL, function TEXT NOT NULL,
    devices TEXT NOT NULL, client TEXT NOT NULL, request_id TEXT NOT NULL, asked BIGINT NOT NULL,
    verdict TEXT NOT NULL, legs TEXT NOT NULL, note TEXT NOT NULL, lost BIGINT NOT NULL,
    prev TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (writer, seq)
){rowless};
CREATE INDEX ledger_asked ON ledger (asked, writer, seq);
