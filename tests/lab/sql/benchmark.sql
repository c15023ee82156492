-- Copyright (c) 2026, The lifeboat.dr authors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Data for the benchmark, the same whenever and wherever it is made: every value follows from the row's number. A quarter of the dump's
-- bytes is pgbench's accounts (with a filler that is not all blanks, which would flatter every compressor), a quarter JSON and text, the
-- other half two tables joined by a foreign key. tests/lab/dataset.py puts the row counts in, and runs the sections that make the tables
-- two at a time. OFFSET 0 keeps the planner from working out the same md5 several times for one row.

CREATE SCHEMA bench;

-- Words that come back, as in any application's text; the rest of each text follows from md5 and does not compress by more than half.
CREATE FUNCTION bench.phrase(byte integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT (ARRAY['the parcel was handed to the carrier ', 'please call before delivery, ', 'invoice sent to the accounting office; ',
              'customer asked for ', 'returned because of ', 'warehouse seven, second floor, ', 'paid by bank transfer ',
              'no further action needed. '])[1 + (byte & 7)]
$$;
CREATE FUNCTION bench.prose(seed text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT bench.phrase(ascii(seed)) || translate(seed, '0123456789', 'ghijklmnop') || ' ' || bench.phrase(ascii(right(seed, 1))) || md5(seed)
$$;

-- section
CREATE TABLE bench.accounts AS
SELECT i AS aid, 1 + (i - 1) / 100000 AS bid, (i::bigint * 7919 % 9973)::integer - 4986 AS abalance, left(h, 24)::char(84) AS filler
FROM (SELECT i, md5(i::text || 'account') AS h FROM generate_series(1, :accounts) AS i OFFSET 0) AS numbered;
ALTER TABLE bench.accounts ADD PRIMARY KEY (aid);

-- section
CREATE TABLE bench.documents AS
SELECT i::bigint AS id,
       jsonb_build_object(
           'order', i, 'token', h, 'total', (i % 100000 / 100.0)::numeric(10, 2),
           'tags', jsonb_build_array('tag' || i % 17, 'tag' || i % 23),
           'address', jsonb_build_object('city', 'City ' || i % 997, 'street', 'Street ' || i % 89, 'verified', i % 3 = 0)
       ) AS payload,
       bench.prose(h) || ' ' || bench.prose(md5(h || 'b')) AS body,
       timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second' AS created_at
FROM (SELECT i, md5(i::text || 'document') AS h FROM generate_series(1, :documents) AS i OFFSET 0) AS numbered;
ALTER TABLE bench.documents ADD PRIMARY KEY (id);

-- section
CREATE TABLE bench.customers AS
SELECT i AS id, 'Customer ' || i AS name, left(h, 12) || '@example.org' AS email, bench.phrase(ascii(h)) || right(h, 12) AS note,
       (i % 10000 / 100.0)::numeric(10, 2) AS balance, timestamptz '2026-01-01 00:00:00+00' + i * interval '1 minute' AS created_at
FROM (SELECT i, md5(i::text || 'customer') AS h FROM generate_series(1, :customers) AS i OFFSET 0) AS numbered;
ALTER TABLE bench.customers ADD PRIMARY KEY (id);

-- section
CREATE TABLE bench.orders AS
SELECT i::bigint AS id, 1 + (i::bigint * 7919 % :customers)::integer AS customer_id,
       (ARRAY['new', 'paid', 'shipped', 'cancelled'])[1 + i % 4] AS state, (i % 99991 / 100.0)::numeric(10, 2) AS amount, h AS reference,
       timestamptz '2026-01-01 00:00:00+00' + i * interval '3 seconds' AS created_at
FROM (SELECT i, md5(i::text || 'order') AS h FROM generate_series(1, :orders) AS i OFFSET 0) AS numbered;
ALTER TABLE bench.orders ADD PRIMARY KEY (id);

-- section
CREATE INDEX orders_customer ON bench.orders (customer_id);
ALTER TABLE bench.orders ADD FOREIGN KEY (customer_id) REFERENCES bench.customers;
