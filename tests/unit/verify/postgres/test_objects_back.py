# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether every object of a backup is in the restored database."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._definitions import compared


def entry(description: str, tag: str, definition: str = "", *, section: str = "pre-data", owner: str = "o") -> TocEntry:
    return TocEntry(1, False, 0, 0, tag, description, section, definition, "", "public", owner, ())


_BACKUP = [
    entry("TABLE", "t", "CREATE TABLE public.t (\n    a integer\n);\n\nALTER TABLE ONLY public.t FORCE ROW SECURITY;"),
    entry("INDEX", "i", "CREATE INDEX i ON public.t USING btree (a);", section="post-data"),
    entry("TRIGGER", "t g", "CREATE TRIGGER g BEFORE INSERT;\n\nALTER TABLE public.t DISABLE TRIGGER g;"),
    entry("CHECK CONSTRAINT", "t c", "ALTER TABLE public.t\n    ADD CONSTRAINT c CHECK ((a > 1)) NOT VALID;"),
    entry("FK CONSTRAINT", "t f", "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u(a);"),
    entry("ACL", "TABLE t", "GRANT SELECT ON TABLE public.t TO a;\nGRANT ALL ON TABLE public.t TO b;", section="none"),
    entry("DEFAULT ACL", "DEFAULT FOR TABLES", "ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT SELECT ON TABLES TO a;"),
    entry("COMMENT", "TABLE t", "COMMENT ON TABLE public.t IS 'words';", section="none"),
    entry("ROW SECURITY", "t", "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;"),
    entry("OPERATOR", "+", "CREATE OPERATOR a"),
    entry("OPERATOR", "+", "CREATE OPERATOR b"),
]  # fmt: skip


def _without(*numbers: int) -> list[TocEntry]:
    return [one for number, one in enumerate(_BACKUP) if number not in numbers]


def _changed(number: int, **fields: str) -> list[TocEntry]:
    return [dataclasses.replace(one, **fields) if at == number else one for at, one in enumerate(_BACKUP)]


def test_the_same_objects_in_another_order_are_back() -> None:
    check = compared(_BACKUP, _BACKUP[::-1])
    assert (check.status, check.message, check.items) == ("passed", "11 objects", ())


@pytest.mark.parametrize("number", range(len(_BACKUP)))
def test_whatever_is_missing_is_named(number: int) -> None:
    check = compared(_BACKUP, _without(number))
    assert check.status == "failed" and [item.message for item in check.items] == ["it is not there"]
    assert _BACKUP[number].tag in check.message and _BACKUP[number].description in check.message


@pytest.mark.parametrize("number", range(len(_BACKUP)))
def test_whatever_is_there_besides_is_named(number: int) -> None:
    check = compared(_without(number), _BACKUP)
    assert check.status == "failed"
    assert [item.message for item in check.items] == ["it is there, and not in the backup"]


@pytest.mark.parametrize(
    ("number", "definition"),
    [
        (0, "CREATE TABLE public.t (\n    a integer\n);"),
        (2, "CREATE TRIGGER g BEFORE INSERT;"),
        (3, "ALTER TABLE public.t\n    ADD CONSTRAINT c CHECK ((a > 1));"),
        (4, "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES public.u(a) NOT VALID;"),
        (5, "GRANT SELECT ON TABLE public.t TO a;"),
        (6, "ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT ALL ON TABLES TO a;"),
        (7, "COMMENT ON TABLE public.t IS 'others';"),
        (8, ""),
    ],
)
def test_another_state_is_told_with_what_the_backup_says(number: int, definition: str) -> None:
    check = compared(_BACKUP, _changed(number, definition=definition))
    assert check.status == "failed" and len(check.items) == 1
    assert check.items[0].message.startswith("not as it was in the backup, which says: ")


def test_another_owner_is_another_object() -> None:
    assert compared(_BACKUP, _changed(0, owner="somebody")).status == "failed"


@pytest.mark.parametrize(
    ("number", "definition"),
    [
        (1, "CREATE INDEX i ON public.t USING btree (((a)));"),  # an expression that is written in another way
        (3, "ALTER TABLE public.t\n    ADD CONSTRAINT c CHECK (((a > 1))) NOT VALID;"),
        (5, "GRANT ALL ON TABLE public.t TO b;\nGRANT SELECT ON TABLE public.t TO a;"),
    ],
)
def test_what_only_reads_otherwise_is_the_same(number: int, definition: str) -> None:
    assert compared(_BACKUP, _changed(number, definition=definition)).status == "passed"


def test_what_is_of_the_archive_or_the_database_is_passed_over() -> None:
    besides = [
        entry("DATABASE", "d"),
        entry("ENCODING", "ENCODING"),
        entry("COMMENT", "DATABASE d", "COMMENT ON DATABASE d IS 'x';"),
        entry("TABLE DATA", "t", section="data"),
        entry("MATERIALIZED VIEW DATA", "m", section="post-data"),
        entry("BLOB", "4711"),
    ]
    assert compared([*_BACKUP, *besides], _BACKUP).status == "passed"


def test_rights_on_what_belongs_to_the_system_may_have_another_clusters_first_superuser() -> None:
    rights = "GRANT SELECT(rolname) ON TABLE pg_catalog.pg_authid TO monitoring;"
    there = [
        entry("ACL", "COLUMN pg_authid.rolname", rights, section="none", owner=owner) for owner in ("postgres", "x")
    ]
    assert compared(there[:1], there[1:]).status == "passed"
    tables = [entry("TABLE", "t", "CREATE TABLE public.t ();", owner=owner) for owner in ("postgres", "x")]
    assert compared(tables[:1], tables[1:]).status == "failed"
