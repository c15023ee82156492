# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A script is taken apart as psql does, wherever the pieces of it are cut; one that was cut is not taken for whole."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._kinds import (
    CLUSTER_SCRIPT,
    CUSTOM,
    SCRIPT,
    TAR,
    UNKNOWN,
    kind_of,
    wrapping,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._script import Command, Script, Statement

DUMP = b"""--
-- PostgreSQL database dump
--

\\restrict abc

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $_$ select 'a;b' || $$;$$; -- ; it's
$_$;
CREATE FUNCTION public.g(x integer) RETURNS integer
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT CASE WHEN (g.x > 1) THEN 1 ELSE 2 END AS "case;";
 SELECT 2;
END;
CREATE RULE r AS ON INSERT TO public.t DO ( SELECT 1; SELECT 2; );
COMMENT ON TABLE public.t IS 'it''s; /* not */ -- a comment';
INSERT INTO public.t VALUES (1, E'a\\';b', U&'\\0061;', DATE'2026-01-01');
INSERT INTO public.t VALUES (2, 'back\\'); /* a ; /* nested ; */ comment */ SELECT 3;
COPY public.t (id, "odd;name") FROM stdin;
1\tit's; \\restrict
\\\\.\t$$
\\.

SELECT pg_catalog.setval('public.t_id_seq', 1, true);
--
-- PostgreSQL database dump complete
--

"""


def read(text: bytes, size: int = 1 << 20) -> tuple[list[str], list[bytes], bool]:
    """The statements, the rows, and whether the script is complete; given in pieces of this size."""
    script = Script(text[at : at + size] for at in range(0, len(text), size))
    statements, rows = [], []
    for item in script:
        statements.append(b" ".join(item.text.split()).decode())
        if isinstance(item, Statement) and item.copies:
            rows += list(script.rows())
    return statements, rows, script.complete


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1 << 20])
def test_a_dump_is_taken_apart_at_its_statements(size: int) -> None:
    statements, rows, complete = read(DUMP, size)
    assert complete
    assert [one.split(" ")[0] for one in statements] == [
        "\\restrict", "SET", "SET", "CREATE", "CREATE", "CREATE", "COMMENT", "INSERT", "INSERT", "/*", "COPY",
        "SELECT",
    ]  # fmt: skip
    assert statements[3].endswith("$_$;") and statements[4].endswith("SELECT 2; END;")
    assert statements[5].endswith("SELECT 2; );") and statements[9].endswith("SELECT 3;")
    assert rows == [b"1\tit's; \\restrict\n", b"\\\\.\t$$\n"]


@pytest.mark.parametrize(
    "text", [b"SELECT 1", b"SELECT 'a;\n", b"SELECT $x$ ;\n", b"CREATE RULE r DO (SELECT 1;", b"/* ;", b'SELECT "a;']
)
def test_a_script_that_was_cut_in_a_statement_is_damage(text: bytes) -> None:
    with pytest.raises(DamagedError, match="it was cut"):
        read(text)


def test_a_script_that_was_cut_among_rows_is_damage() -> None:
    with pytest.raises(DamagedError, match="in the middle of the rows"):
        read(DUMP[: DUMP.index(b"$$\n\\.")])


def test_a_script_that_was_cut_between_statements_does_not_say_that_it_is_complete() -> None:
    statements, _rows, complete = read(DUMP[: DUMP.index(b"SELECT pg_catalog")])
    assert statements[-1].startswith("COPY") and not complete


_TWO = (
    b"-- PostgreSQL database cluster dump\nCREATE ROLE a;\n\\connect a\n-- PostgreSQL database dump\nSELECT 1;\n"
    b"-- PostgreSQL database dump complete\n\\unrestrict x\n\\connect b\n-- PostgreSQL database dump\nSELECT 2;\n"
    b"SELECT 3;\n-- PostgreSQL database dump complete\n-- PostgreSQL database cluster dump complete\n"
)


def test_a_dump_of_a_cluster_is_whole_only_with_its_last_words() -> None:
    """What ends within it is one database: the others may be missing."""
    assert read(_TWO)[2]
    lines = _TWO.splitlines(keepends=True)
    for count in range(1, len(lines)):
        script = Script([b"".join(lines[:count])])
        list(script)
        assert script.cut and not script.complete, count


def test_of_two_dumps_in_one_file_neither_may_be_cut() -> None:
    one = b"-- PostgreSQL database dump\nSELECT 1;\n-- PostgreSQL database dump complete\n"
    assert read(one + one)[2]
    assert not read(one + one[:-10])[2]
    assert not read(one[: one.rindex(b"--")] + one)[2]


def test_a_command_of_psql_is_handed_over_as_one_and_never_inside_of_a_quote() -> None:
    script = list(Script([b"\\! touch /tmp/x\nSELECT '\n\\! touch\n';\n\\connect shop\n"]))
    assert [(type(one), one.text.strip()) for one in script] == [
        (Command, b"\\! touch /tmp/x"), (Statement, b"SELECT '\n\\! touch\n';"), (Command, b"\\connect shop"),
    ]  # fmt: skip
    assert [one.line for one in script] == [1, 2, 5]


def test_a_kind_is_told_by_the_content() -> None:
    found = kind_of(DUMP)
    assert (found.kind, found.server_version, found.dump_version, found.encoding, found.major) == (
        SCRIPT, "15.18", "15.18", "UTF8", 15,
    )  # fmt: skip
    assert kind_of(b"--\n-- PostgreSQL database cluster dump\n--\n").kind == CLUSTER_SCRIPT
    assert kind_of(b"insert into t values (1);\n").kind == SCRIPT
    assert kind_of(b"toc.dat" + b"\0" * 250 + b"ustar\0").kind == TAR
    assert kind_of(b"PGDMP\x01").kind == CUSTOM
    for other in (b"", b"hello", b"\0" * 1000, b"\x89PNG\r\n", b"create\0;"):
        assert kind_of(other).kind == UNKNOWN
    assert wrapping(b"age-encryption.org/v1\n-> X25519") == wrapping(b"-----BEGIN AGE ENCRYPTED FILE-----\n") == "age"
    assert (wrapping(b"\x1f\x8b\x08\0"), wrapping(b"\x28\xb5\x2f\xfd"), wrapping(DUMP)) == ("gz", "zst", "")
    for message in (b"-----BEGIN PGP MESSAGE-----", b"\x85\x01\x0c", b"\x8c\x0d\x04", b"\xc1\xc0", b"\xd2\x01"):
        assert wrapping(message) == "gpg"
    for plain in (b"", b"PGDMP", b"\x99\x01", b"\xc6\x01"):  # the last two are public keys
        assert wrapping(plain) == ""
