-- The ledger of settlement: the balances of each account in each market, and what was posted.
--
-- Names have no schema, so that you can choose one. The program runs this by itself if it has the right
-- to. To run it by hand:
--
--   psql -c 'CREATE SCHEMA pricetime'
--   PGOPTIONS='-c search_path=pricetime' psql -v ON_ERROR_STOP=1 -1 -f 0001_ledger.sql
--
-- If one of the names below exists already, this fails and changes nothing.

CREATE TABLE pricetime_migrations (version integer PRIMARY KEY);

-- Unsigned integers of 64 bits, and signed integers of 128 bits.
CREATE DOMAIN whole AS numeric(20, 0)
    CHECK (VALUE BETWEEN 0 AND 18446744073709551615);
CREATE DOMAIN amount AS numeric(39, 0)
    CHECK (VALUE BETWEEN -170141183460469231731687303715884105728
                     AND 170141183460469231731687303715884105727);
CREATE DOMAIN sha256 AS bytea CHECK (octet_length(VALUE) = 32);

CREATE TABLE markets (
    market bigint PRIMARY KEY CHECK (market BETWEEN 0 AND 4294967295),
    token whole NOT NULL DEFAULT 0,
    history uuid,
    last_epoch whole,
    notices whole NOT NULL DEFAULT 0,
    CHECK ((history IS NULL) = (last_epoch IS NULL))
);
COMMENT ON TABLE markets IS
    'The last settled epoch of each market. Every transaction that changes a market locks its row.';
COMMENT ON COLUMN markets.token IS 'The highest token that was claimed. A writer with a lower token cannot post.';
COMMENT ON COLUMN markets.notices IS 'The number of the last row in outbox.';

CREATE TABLE inbox (
    market bigint NOT NULL REFERENCES markets,
    batch uuid NOT NULL,
    history uuid NOT NULL,
    epoch whole NOT NULL,
    digest sha256 NOT NULL,
    content json NOT NULL,
    PRIMARY KEY (market, batch),
    UNIQUE (history, market, epoch)
);
COMMENT ON TABLE inbox IS 'Batches that wait for their outcome.';

CREATE TABLE outcomes (
    market bigint NOT NULL REFERENCES markets,
    batch uuid NOT NULL,
    history uuid NOT NULL,
    epoch whole NOT NULL,
    digest sha256 NOT NULL,
    deed text NOT NULL CHECK (deed IN ('posted', 'dropped')),
    token whole NOT NULL,
    PRIMARY KEY (market, batch),
    UNIQUE (history, market, epoch)
);
COMMENT ON TABLE outcomes IS 'Whether each batch was posted or dropped. Never delete a row.';

CREATE TABLE transfers (
    market bigint NOT NULL,
    batch uuid NOT NULL,
    account uuid NOT NULL,
    base amount NOT NULL,
    quote amount NOT NULL,
    PRIMARY KEY (market, batch, account),
    FOREIGN KEY (market, batch) REFERENCES outcomes,
    CHECK (base <> 0 OR quote <> 0)
);
COMMENT ON TABLE transfers IS 'What was posted. The transfers of a batch sum to zero in each asset.';

CREATE TABLE openings (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market bigint NOT NULL REFERENCES markets,
    history uuid NOT NULL,
    epoch whole NOT NULL,
    account uuid NOT NULL,
    base amount NOT NULL,
    quote amount NOT NULL
);
COMMENT ON TABLE openings IS
    'The balances of accounts when the ledger was seeded, after this epoch.';

CREATE TABLE balances (
    market bigint NOT NULL REFERENCES markets,
    account uuid NOT NULL,
    base amount NOT NULL,
    quote amount NOT NULL,
    PRIMARY KEY (market, account)
);
COMMENT ON TABLE balances IS 'The balance of each account: the sum of its openings and transfers.';

CREATE TABLE outbox (
    market bigint NOT NULL,
    number whole NOT NULL,
    batch uuid NOT NULL,
    content json NOT NULL,
    PRIMARY KEY (market, number),
    FOREIGN KEY (market, batch) REFERENCES outcomes
);
COMMENT ON TABLE outbox IS 'Outcomes to be delivered to other systems, in order.';

-- A second safeguard: no writer, whatever program it uses, can create money.
CREATE FUNCTION transfers_sum_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fresh GROUP BY market, batch HAVING sum(base) <> 0 OR sum(quote) <> 0)
    THEN
        RAISE EXCEPTION 'the transfers of a batch do not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER transfers_sum_to_zero AFTER INSERT ON transfers
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION transfers_sum_to_zero();

CREATE FUNCTION posted_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'posted transfers and outcomes cannot be changed' USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER posted_stays BEFORE UPDATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION posted_stays();
CREATE TRIGGER posted_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON outcomes
    FOR EACH STATEMENT EXECUTE FUNCTION posted_stays();

INSERT INTO pricetime_migrations VALUES (1);
