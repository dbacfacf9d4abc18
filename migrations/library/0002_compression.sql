-- Packed evidence is long and says much twice: lz4 keeps it small at a tenth of what the default
-- costs the transaction that waits for it.
ALTER TABLE outbox ALTER data SET COMPRESSION lz4;
