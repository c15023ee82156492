-- Copyright (c) 2026, The lifeboat.dr authors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- One object at least of every kind that pg_dump knows, in the order of dbObjectTypePriorities in pg_dump_sort.c.
-- tests/integration/test_pg_stock_measure.py looks whether one is missing. The roles feature_owner and feature_reader
-- have to be there.

-- schemas, with rights and default rights
CREATE SCHEMA "Feature; it's" AUTHORIZATION feature_owner;
GRANT USAGE ON SCHEMA "Feature; it's" TO feature_reader WITH GRANT OPTION;
COMMENT ON SCHEMA "Feature; it's" IS E'of two lines\n\\! and one that is no command';
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO feature_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE feature_owner GRANT SELECT ON TABLES TO feature_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE feature_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE feature_owner IN SCHEMA "Feature; it's" GRANT USAGE ON SEQUENCES TO feature_reader;

-- languages, access methods, extensions
CREATE EXTENSION citext;
CREATE EXTENSION btree_gist;
CREATE EXTENSION postgres_fdw;
CREATE FUNCTION public.plmine_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION public.plmine_validator(oid) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE plmine HANDLER public.plmine_handler VALIDATOR public.plmine_validator;
GRANT USAGE ON LANGUAGE plmine TO feature_reader;
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;

-- types: shell, base, composite, enum, range, domain
CREATE TYPE public.never_finished;
CREATE TYPE public.small;
CREATE FUNCTION public.small_in(cstring) RETURNS public.small LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION public.small_out(public.small) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE public.small (INPUT = public.small_in, OUTPUT = public.small_out, LIKE = int4, DEFAULT = '7');
CREATE TYPE public.place AS (name text COLLATE "C", x numeric(6, 2));
COMMENT ON COLUMN public.place.x IS 'how far';
CREATE TYPE public.mood AS ENUM ('sad', 'it''s ok', 'happy');
CREATE TYPE public.span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi, MULTIRANGE_TYPE_NAME = public.spans);
CREATE DOMAIN public.even AS integer DEFAULT 2 NOT NULL CONSTRAINT is_even CHECK (VALUE % 2 = 0);
ALTER DOMAIN public.even ADD CONSTRAINT not_huge CHECK (VALUE < 1000000) NOT VALID;
ALTER TYPE public.mood OWNER TO feature_owner;
REVOKE USAGE ON TYPE public.mood FROM PUBLIC;
GRANT USAGE ON TYPE public.mood TO feature_reader;

-- functions, procedures, aggregates, window functions, casts, transforms
CREATE FUNCTION public.twice(n integer, OUT a integer, OUT b integer) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 5
    SET work_mem = '4MB' SET search_path = "Feature; it's", pg_temp AS $$ BEGIN a := n; b := 2 * n; END $$;
CREATE FUNCTION public.atomic(n integer) RETURNS integer LANGUAGE sql RETURN n + 1;
CREATE FUNCTION public.variadic(VARIADIC words text[]) RETURNS SETOF text LANGUAGE sql STABLE ROWS 3 SECURITY DEFINER
    AS 'SELECT unnest(words)';
CREATE PROCEDURE public.proceed(INOUT n integer) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
REVOKE ALL ON FUNCTION public.atomic(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.atomic(integer) TO feature_reader;
CREATE AGGREGATE public.product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE AGGREGATE public.middle(ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = mode_final, FINALFUNC_EXTRA);
CREATE CAST (public.small AS integer) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (public.small AS text) WITH INOUT AS ASSIGNMENT;
CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal),
    TO SQL WITH FUNCTION int4recv(internal));

-- operators, their classes and families
CREATE FUNCTION public.close_to(float8, float8) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs($1 - $2) < 0.1';
CREATE OPERATOR public.~~~ (FUNCTION = public.close_to, LEFTARG = float8, RIGHTARG = float8, COMMUTATOR = OPERATOR(public.~~~),
    RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR public.!! (FUNCTION = pg_catalog.int4um, RIGHTARG = integer);
CREATE OPERATOR FAMILY public.backwards USING btree;
CREATE FUNCTION public.backwards_compare(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
    AS 'SELECT pg_catalog.btint4cmp($2, $1)';
CREATE OPERATOR CLASS public.backwards_ops FOR TYPE integer USING btree FAMILY public.backwards AS
    OPERATOR 1 > (integer, integer), OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <,
    FUNCTION 1 public.backwards_compare(integer, integer);

-- collations, conversions, text search
CREATE COLLATION public.german (PROVIDER = icu, LOCALE = 'de-DE-u-co-phonebk', DETERMINISTIC = false);
CREATE CONVERSION public.from_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH PARSER public.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
    LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE public.template (LEXIZE = dsimple_lexize, INIT = dsimple_init);
CREATE TEXT SEARCH DICTIONARY public.dictionary (TEMPLATE = public.template, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION public.configuration (PARSER = public.parser);
ALTER TEXT SEARCH CONFIGURATION public.configuration ADD MAPPING FOR asciiword WITH public.dictionary, simple;

-- foreign data
CREATE FOREIGN DATA WRAPPER bare OPTIONS (an 'option');
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
GRANT USAGE ON FOREIGN SERVER elsewhere TO feature_reader;
CREATE USER MAPPING FOR feature_reader SERVER elsewhere OPTIONS (user 'x', password 'it''s "not" shown');
CREATE FOREIGN TABLE public.remote (id integer OPTIONS (column_name 'key') NOT NULL, words text) SERVER elsewhere;

-- tables: every kind of column, storage, constraint
CREATE SEQUENCE public.counter AS smallint INCREMENT -3 MINVALUE -300 MAXVALUE 100 START 100 CACHE 5 CYCLE;
SELECT nextval('public.counter'), nextval('public.counter');
CREATE TABLE public.plain (
    id bigint GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2) PRIMARY KEY,
    other integer GENERATED BY DEFAULT AS IDENTITY,
    ser smallserial,
    n public.even,
    kind public.mood DEFAULT 'it''s ok',
    at public.place,
    during public.span,
    doubled integer GENERATED ALWAYS AS (ser * 2) STORED,
    gone text,
    words varchar(50) COLLATE public.german CHECK (words IN ('a', 'b', 'ä''\', 'c')),
    packed text COMPRESSION pglz,
    many integer[] NOT NULL DEFAULT '{1,NULL}',
    mail public.citext UNIQUE NULLS NOT DISTINCT DEFERRABLE INITIALLY DEFERRED,
    j jsonb, x xml, b bytea, f float8, i interval, t timestamptz, s public.small, bits bit varying(9),
    CONSTRAINT apart EXCLUDE USING gist (ser WITH =, during WITH &&)
) WITH (fillfactor = 70, autovacuum_enabled = false);
ALTER TABLE public.plain DROP COLUMN gone;
ALTER TABLE public.plain ALTER COLUMN packed SET STORAGE EXTERNAL, ALTER COLUMN words SET STATISTICS 77,
    ALTER COLUMN words SET (n_distinct = 5), REPLICA IDENTITY FULL, OWNER TO feature_owner;
INSERT INTO public.plain (n, kind, at, during, words, packed, mail, j, x, b, f, i, t, s, bits)
    SELECT 2 * k, 'happy', ROW('x' || k, k)::public.place, public.span(k, k + 1), 'ä''\', repeat(E'\\.\n\t', k), k || '@X.org',
    jsonb_build_object('k', k), XMLPARSE(CONTENT '<a>' || k || '</a>'), decode(lpad(to_hex(k), 4, '0'), 'hex'), 1 / k::float8,
    make_interval(months => -k, secs => k), TIMESTAMPTZ '2026-01-01 00:00+05' + k * interval '1 hour', k::text::public.small,
    B'101'
    FROM generate_series(1, 40) AS k;
DELETE FROM public.plain WHERE id % 3 = 0;
GRANT SELECT (id, words), UPDATE (words) ON public.plain TO feature_reader;
GRANT ALL ON public.plain TO feature_reader WITH GRANT OPTION;
COMMENT ON COLUMN public.plain.words IS 'in German';
COMMENT ON CONSTRAINT apart ON public.plain IS 'no two at a time';
CREATE UNLOGGED TABLE public.unlogged AS SELECT k FROM generate_series(1, 3) AS k;
CREATE TABLE public.typed OF public.place (x WITH OPTIONS DEFAULT 3 NOT NULL);
INSERT INTO public.typed (name) VALUES ('here'), (NULL);
CREATE TABLE public.other_method (a integer) USING heap2;
INSERT INTO public.other_method VALUES (1);
CREATE TABLE public.no_columns ();
INSERT INTO public.no_columns DEFAULT VALUES;
INSERT INTO public.no_columns DEFAULT VALUES;
CREATE TABLE public.circle_a (id integer PRIMARY KEY, b integer);
CREATE TABLE public.circle_b (id integer PRIMARY KEY, a integer REFERENCES public.circle_a);
ALTER TABLE public.circle_a ADD CONSTRAINT to_b FOREIGN KEY (b) REFERENCES public.circle_b ON DELETE SET NULL
    DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO public.circle_a VALUES (1, 1);
INSERT INTO public.circle_b VALUES (1, 1);
COMMIT;
ALTER TABLE public.circle_b ADD CONSTRAINT not_checked CHECK (a > 100) NOT VALID;
ALTER TABLE public.circle_b ADD CONSTRAINT not_checked_key FOREIGN KEY (a) REFERENCES public.circle_b NOT VALID;
ALTER TABLE public.circle_a CLUSTER ON circle_a_pkey;

-- inheritance, with columns in another order than a restore gives them; and dropped ones
CREATE TABLE public.animals (id integer, name text);
CREATE TABLE public.living (breath boolean);
CREATE TABLE public.dogs (bark integer, lost text, doubled integer GENERATED ALWAYS AS (bark * 2) STORED)
    INHERITS (public.animals, public.living);
ALTER TABLE public.animals ADD COLUMN late integer DEFAULT 42, ADD COLUMN later text DEFAULT 'x''y', DROP COLUMN name;
ALTER TABLE public.dogs DROP COLUMN lost, ALTER COLUMN late SET DEFAULT 43;
INSERT INTO public.dogs (id, bark, breath) SELECT k, -k, k % 2 = 0 FROM generate_series(1, 30) AS k;
INSERT INTO public.animals (id) SELECT k FROM generate_series(1, 5) AS k;

-- partitions: range, list, hash (also of an enum), expression, default, detached order of columns
CREATE TABLE public.parts (day date NOT NULL, kind text, n integer DEFAULT 1) PARTITION BY RANGE (day);
CREATE TABLE public.parts_2026 PARTITION OF public.parts (n DEFAULT 2)
    FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (lower(kind));
CREATE TABLE public.parts_a (n integer, gone text, kind text, day date NOT NULL);
ALTER TABLE public.parts_a DROP COLUMN gone;
ALTER TABLE public.parts_2026 ATTACH PARTITION public.parts_a FOR VALUES IN ('a', NULL);
CREATE TABLE public.parts_rest PARTITION OF public.parts DEFAULT;
CREATE FOREIGN TABLE public.parts_far PARTITION OF public.parts FOR VALUES FROM ('1990-01-01') TO ('1991-01-01')
    SERVER elsewhere;
CREATE INDEX parts_n ON public.parts_a (n);
CREATE INDEX parts_kind ON ONLY public.parts_2026 (kind);
CREATE INDEX parts_a_kind ON public.parts_a (kind);
ALTER INDEX public.parts_kind ATTACH PARTITION public.parts_a_kind;
INSERT INTO public.parts (day, kind) SELECT DATE '2026-02-01' + k, 'A' FROM generate_series(1, 20) AS k;
INSERT INTO public.parts (day, kind) VALUES ('2000-01-01', 'z');
CREATE TABLE public.by_mood (m public.mood, n integer) PARTITION BY HASH (m);
CREATE TABLE public.by_mood_0 PARTITION OF public.by_mood FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE public.by_mood_1 PARTITION OF public.by_mood FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO public.by_mood SELECT (ENUM_RANGE(NULL::public.mood))[1 + k % 3], k FROM generate_series(1, 50) AS k;

-- indexes and statistics
CREATE INDEX partial ON public.plain USING btree (lower(packed) text_pattern_ops DESC NULLS LAST, id) INCLUDE (ser)
    WITH (fillfactor = 60) WHERE id > 3;
CREATE INDEX by_class ON public.plain (other public.backwards_ops);
CREATE INDEX wide ON public.plain USING gin (j jsonb_path_ops);
CREATE INDEX blocks ON public.plain USING brin (t) WITH (pages_per_range = 2);
ALTER INDEX public.partial ALTER COLUMN 1 SET STATISTICS 300;
CREATE STATISTICS public.together (dependencies, mcv) ON ser, (f * 2) FROM public.plain;
ALTER STATISTICS public.together SET STATISTICS 55;

-- views, rules, materialized views
CREATE VIEW public.looking WITH (security_barrier, check_option = local) AS SELECT id, words FROM public.plain WHERE id > 0;
CREATE RECURSIVE VIEW public.numbers (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 5;
CREATE VIEW public.first_of_circle AS SELECT 1 AS n;
CREATE VIEW public.second_of_circle AS SELECT n FROM public.first_of_circle;
CREATE OR REPLACE VIEW public.first_of_circle AS SELECT n FROM public.second_of_circle LIMIT 0;
CREATE RULE instead AS ON UPDATE TO public.numbers DO INSTEAD NOTHING;
CREATE RULE also AS ON INSERT TO public.circle_b DO ALSO NOTIFY somebody;
ALTER TABLE public.circle_b DISABLE RULE also;
CREATE MATERIALIZED VIEW public.filled AS SELECT count(*) AS n FROM public.plain;
CREATE UNIQUE INDEX filled_n ON public.filled (n);
CREATE MATERIALIZED VIEW public.upon AS SELECT n + 1 AS n FROM public.filled;
CREATE MATERIALIZED VIEW public.empty AS SELECT 1 AS n WITH NO DATA;
ALTER MATERIALIZED VIEW public.filled OWNER TO feature_owner;

-- triggers of every state, and on views; event triggers
CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(new, old); END $$;
CREATE TRIGGER off BEFORE INSERT ON public.circle_a FOR EACH ROW EXECUTE FUNCTION public.fire('it''s', '\');
CREATE TRIGGER always AFTER UPDATE ON public.circle_a REFERENCING OLD TABLE AS o NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION public.fire();
CREATE CONSTRAINT TRIGGER later AFTER DELETE ON public.circle_a DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (old.id > 7) EXECUTE FUNCTION public.fire();
CREATE TRIGGER on_view INSTEAD OF DELETE ON public.looking FOR EACH ROW EXECUTE FUNCTION public.fire();
CREATE TRIGGER on_parts BEFORE INSERT ON public.parts FOR EACH ROW EXECUTE FUNCTION public.fire();
ALTER TABLE public.circle_a DISABLE TRIGGER off;
ALTER TABLE public.circle_a ENABLE REPLICA TRIGGER later;
COMMENT ON TRIGGER always ON public.circle_a IS 'whatever happens';
CREATE FUNCTION public.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER noted ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION public.note();
CREATE EVENT TRIGGER silent ON sql_drop EXECUTE FUNCTION public.note();
ALTER EVENT TRIGGER silent DISABLE;
COMMENT ON EVENT TRIGGER noted IS 'who did it';

-- policies
ALTER TABLE public.parts_rest ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON public.parts_rest AS RESTRICTIVE FOR UPDATE TO feature_reader
    USING (kind = CURRENT_USER) WITH CHECK (n > 0);
CREATE POLICY for_all ON public.circle_a USING (true);
COMMENT ON POLICY own ON public.parts_rest IS 'only theirs';

-- publications and subscriptions
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE PUBLICATION some_tables FOR TABLE public.plain (id, words) WHERE (id > 10), public.circle_a;
CREATE PUBLICATION schemas FOR TABLES IN SCHEMA "Feature; it's" WITH (publish_via_partition_root);
ALTER PUBLICATION some_tables OWNER TO feature_owner;
CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1 password=secret' PUBLICATION p, "Q q"
    WITH (connect = false, slot_name = NONE, binary = true);

-- large objects
SELECT lo_from_bytea(4711, decode(repeat('00ff5c2e0a', 9000), 'hex')), lo_create(4712);
ALTER LARGE OBJECT 4711 OWNER TO feature_owner;
GRANT SELECT ON LARGE OBJECT 4711 TO feature_reader;
COMMENT ON LARGE OBJECT 4712 IS 'empty';

-- names that look like something else
CREATE TABLE "Feature; it's"."--file=x
\! touch y" ("select" integer, "a""b" text, "$1" text, "%s{}" text, "null" text, "tableoid " text);
INSERT INTO "Feature; it's"."--file=x
\! touch y" VALUES (1, E'\\.', E'\\N', NULL, E'a\rb', '');
CREATE SEQUENCE "Feature; it's"."nextval('x')" OWNED BY "Feature; it's"."--file=x
\! touch y"."select";
SELECT setval('"Feature; it''s"."nextval(''x'')"', 33, false);
CREATE FUNCTION "Feature; it's"."f(integer)"("in" integer DEFAULT 5, OUT "out" text) LANGUAGE sql AS $$ SELECT 'x' $$;
