# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_restore with damaged copies, wrong keys and a death in the middle: a clear error, no database left behind, none
touched.
"""

from __future__ import annotations

import json
import pathlib
import time
import typing as t

import pytest

from tests.integration.backups import Stock, cut, everything_in, flip_byte, keys_of
from tests.integration.modules import run_module, start_module
from tests.lab.postgres import Database, PostgresCluster

Copied = t.Callable[..., Stock]
TARGET = "codex_new"


@pytest.fixture(autouse=True)
def nothing_is_left(postgres: PostgresCluster, source: Database) -> t.Iterator[None]:
    """Fails a test that leaves a database behind that was not there before."""
    before = postgres.databases()
    yield
    left = postgres.databases() - before
    for name in left:
        postgres.drop_database(name)
    assert left == set()


def _restored(postgres: PostgresCluster, stock: Stock, **options: t.Any) -> dict[str, t.Any]:
    return run_module("pg_restore", stock.arguments(target={"dsn": postgres.dsn(TARGET)}, **options))


def test_the_next_repository_is_used_when_the_first_copy_is_damaged(
    postgres: PostgresCluster, age_stock: Stock, copied: Copied, source: Database
) -> None:
    stock = copied(age_stock, copies=2)
    flip_byte(stock.stored("whole"), part=0.9)
    result = _restored(postgres, stock)
    assert not result.get("failed"), result["msg"]
    assert result["repository"] == stock.repositories[1]["path"]
    assert f"{stock.repositories[0]['path']} could not be used" in str(result["warnings"])
    assert everything_in(Database(postgres, TARGET))["rows"] == everything_in(source)["rows"]
    postgres.drop_database(TARGET)


@pytest.fixture(scope="session")
def zstd_stock(tmp_path_factory: pytest.TempPathFactory, source: Database) -> Stock:
    """zstd without encryption, one stream. No test may change it."""
    stock = Stock.new(tmp_path_factory.mktemp("zstd"), encryption="none")
    stock.back_up(source)
    return stock


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("age_stock", "whole"),
        ("gpg_stock", "data"),
        ("zstd_stock", "whole"),
        ("plain_stock", "data"),
        ("plain_stock", "schema"),
    ],
)
def test_a_flipped_byte_in_the_only_copy_is_refused(
    name: str, content: str, request: pytest.FixtureRequest, copied: Copied, postgres: PostgresCluster
) -> None:
    stock = copied(request.getfixturevalue(name))
    flip_byte(stock.stored(content), part=0.7)
    result = _restored(postgres, stock)
    assert result["failed"] and "SHA-256" in result["msg"], result["msg"]


@pytest.mark.parametrize("name", ["age_stock", "gpg_stock", "zstd_stock", "plain_stock"])
def test_a_truncated_artifact_in_the_only_copy_is_refused(
    name: str, request: pytest.FixtureRequest, copied: Copied, postgres: PostgresCluster
) -> None:
    stock = copied(request.getfixturevalue(name))
    cut(stock.stored("whole" if name in ("age_stock", "zstd_stock") else "data"))
    result = _restored(postgres, stock)
    assert result["failed"] and "cut" in result["msg"], result["msg"]


def test_when_all_copies_are_damaged_each_is_named(
    postgres: PostgresCluster, plain_stock: Stock, copied: Copied
) -> None:
    stock = copied(plain_stock, copies=2)
    flip_byte(stock.stored("data"))
    cut(stock.stored("data", copy=1))
    result = _restored(postgres, stock)
    said = result["msg"] + str(result["warnings"])
    assert result["failed"] and all(repository["path"] in said for repository in stock.repositories)


def test_a_wrong_key_a_missing_key_and_a_key_of_another_engine_are_told_apart(
    postgres: PostgresCluster, age_stock: Stock, tmp_path: pathlib.Path
) -> None:
    wrong = _restored(postgres, age_stock, encryption=keys_of("age", tmp_path).read)
    assert (
        wrong["failed"]
        and "No key given opens this backup" in wrong["msg"]
        and age_stock.keys.write["recipients"][0] in wrong["msg"]
    )
    missing = _restored(postgres, age_stock, encryption=None)
    assert missing["failed"] and "encryption.identity_file is not given" in missing["msg"]
    other = _restored(postgres, age_stock, encryption=keys_of("gpg", tmp_path).read)
    assert other["failed"] and "encryption.symmetric" in other["msg"]


def test_an_edited_or_newer_or_missing_manifest_is_no_backup(
    postgres: PostgresCluster, plain_stock: Stock, copied: Copied
) -> None:
    stock = copied(plain_stock)
    path = stock.backup_folder() / "manifest.json"
    document = json.loads(path.read_bytes())

    path.write_text(json.dumps({**document, "snapshot_at": "2026-01-01T00:00:00Z"}))
    edited = _restored(postgres, stock)
    assert edited["failed"] and "was changed after it was written" in edited["msg"]
    path.write_text(json.dumps({**document, "schema_version": 99}))
    newer = _restored(postgres, stock)
    assert newer["failed"] and "schema version 99" in newer["msg"]
    path.unlink()
    missing = _restored(postgres, stock)
    assert missing["failed"] and "no backup of shop/codex" in missing["msg"]


def test_what_a_killed_restore_left_is_dropped_by_the_next_one_and_nothing_else(
    postgres: PostgresCluster, empty_database: Database, tmp_path: pathlib.Path
) -> None:
    empty_database.execute(
        "create function slow(i int) returns int immutable language plpgsql as"
        " $$ begin if current_database() like '%restoring%' then perform pg_catalog.pg_sleep(60); end if; return i; "
        "end $$;"
        "create table waits as select 1 as i; create index on waits (slow(i))"
    )
    stock = Stock.new(tmp_path, encryption="none")
    stock.back_up(empty_database)
    before = postgres.databases()
    lookalike = postgres.create_database(f"{TARGET}_restoring_abcdef")  # somebody else's: it bears no comment of ours
    postgres.execute("create table theirs (i int)", dbname=lookalike)

    process = start_module("pg_restore", stock.arguments(target={"dsn": postgres.dsn(TARGET)}))
    try:
        _wait(lambda: postgres.value("select count(*) from pg_stat_activity where query like 'CREATE INDEX%'") == 1)
        (left,) = postgres.databases() - before - {lookalike}
        other = run_module("pg_restore", stock.arguments(target={"dsn": postgres.dsn(TARGET)}, schema_only=True))
        assert other["removed_leftovers"] == [] and left in postgres.databases(), "the first restore is alive"
        postgres.drop_database(TARGET)
    finally:
        process.kill()
        process.communicate()

    result = run_module("pg_restore", stock.arguments(target={"dsn": postgres.dsn(TARGET)}, schema_only=True))
    assert not result.get("failed"), result["msg"]
    assert result["removed_leftovers"] == [left]
    assert postgres.databases() == before | {lookalike, TARGET}
    for name in (lookalike, TARGET):
        postgres.drop_database(name)


def _wait(condition: t.Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
