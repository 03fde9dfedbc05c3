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
    'How far each market has come. Its row is locked by whatever changes anything of the market.';
COMMENT ON COLUMN markets.token IS 'The highest that was claimed: who holds a lower one posts nothing.';
COMMENT ON COLUMN markets.notices IS 'The number of the last notice.';

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
COMMENT ON TABLE outcomes IS 'What was done with each batch, for ever. Never delete any.';

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
COMMENT ON TABLE transfers IS 'What was posted. Those of a batch sum to zero in each asset.';

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
    'What accounts had before the epoch behind this one: from another ledger, or from outside.';

CREATE TABLE balances (
    market bigint NOT NULL REFERENCES markets,
    account uuid NOT NULL,
    base amount NOT NULL,
    quote amount NOT NULL,
    PRIMARY KEY (market, account)
);
COMMENT ON TABLE balances IS 'What accounts have: their openings and transfers, summed.';

CREATE TABLE outbox (
    market bigint NOT NULL,
    number whole NOT NULL,
    batch uuid NOT NULL,
    content json NOT NULL,
    PRIMARY KEY (market, number),
    FOREIGN KEY (market, batch) REFERENCES outcomes
);
COMMENT ON TABLE outbox IS 'Outcomes that others are to hear of, in the order in which they came about.';

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
    RAISE EXCEPTION 'what was posted stays as it is' USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER posted_stays BEFORE UPDATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION posted_stays();
CREATE TRIGGER posted_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON outcomes
    FOR EACH STATEMENT EXECUTE FUNCTION posted_stays();

INSERT INTO pricetime_migrations VALUES (1);
