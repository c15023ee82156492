# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that restore a backup with stock tools."""

from __future__ import annotations

import shlex

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _by_hand
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backup._by_hand import commands
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import Database, PostgresContent


def content(collate: str = "de_DE.UTF-8", icu_locale: str = "") -> PostgresContent:
    database = Database("codex", 1, "UTF8", collate, "C", "i" if icu_locale else "c", icu_locale)
    return PostgresContent("15.20", 150020, "7", "0/1", 1, False, database, 2, "stream", ())


def artifact(name: str, kind: str) -> Artifact:
    return Artifact(name, kind, 10, 5, "ab" * 32)


def lines(artifacts: list[Artifact], compression: str = "none", encryption: str = "none", **options: str) -> list[str]:
    cipher = open_cipher({"engine": "none"})
    cipher.engine = encryption
    compressor = open_compressor({"engine": compression})
    return list(commands(artifacts, lambda artifact: _by_hand.opened(artifact, compressor, cipher), content(**options)))


def test_the_database_comes_first_then_roles_definitions_rows_and_constraints() -> None:
    found = lines([artifact("d2", "data"), artifact("s", "schema"), artifact("d1", "data"), artifact("g", "globals")])
    steps = [line.partition("  #")[0] for line in found]
    assert steps == [
        "createdb --template=template0 --encoding=UTF8 --lc-collate=de_DE.UTF-8 --lc-ctype=C NEW",
        "cat g | psql --dbname=NEW",
        "cat s | pg_restore --exit-on-error --section=pre-data --dbname=NEW",
        "cat d1 | pg_restore --exit-on-error --dbname=NEW",
        "cat d2 | pg_restore --exit-on-error --dbname=NEW",
        "cat s | pg_restore --exit-on-error --section=post-data --dbname=NEW",
    ]


@pytest.mark.parametrize(
    ("compression", "encryption", "opened"),
    [
        ("zstd", "age", "age --decrypt --identity KEY_FILE w | zstd --decompress --stdout"),
        ("gzip", "gpg", "gpg --decrypt w | gzip --decompress --stdout"),
        ("none", "none", "cat w"),
    ],
)
def test_each_encoding_is_opened_by_its_own_tool(compression: str, encryption: str, opened: str) -> None:
    found = lines([artifact("w", "whole")], compression, encryption)
    assert found[-1] == f"{opened} | pg_restore --exit-on-error --dbname=NEW"


def test_what_a_shell_would_take_apart_is_quoted() -> None:
    found = lines([artifact("a'b; rm -rf x", "whole")], collate="C; reboot", icu_locale="und-x'y")
    (check,) = _by_hand.checks([artifact("a'b; rm -rf x", "whole")])
    assert shlex.split(check)[:3] == ["echo", f"{'ab' * 32}  a'b; rm -rf x", "|"]
    assert shlex.split(found[-1])[:2] == ["cat", "a'b; rm -rf x"]
    assert {"--lc-collate=C; reboot", "--icu-locale=und-x'y", "--locale-provider=icu"} <= set(shlex.split(found[0]))
