# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one store names of another, on real servers: everything is found where it is, and one name that is missing is
seen in every store.
"""

from __future__ import annotations

import collections.abc
import json
import pathlib
import typing as t

import nats.aio.client
import pytest

from tests.integration.bucket_pairs import Pair, fresh_pair
from tests.integration.modules import run_module
from tests.integration.nats_servers import Servers, make_stream, new_name, with_client
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import Database
from tests.lab.redis import RedisServer

# What SQL, JSON, a listing or a pattern could get wrong.
ODD = ["a b+c%2F", "é/é", "quote\"'<&>", "tab\tnew\nline", "\U0001f6df", "back\\slash", "100%", "x" * 500]


@pytest.fixture
def bucket(object_store: ObjectStore, tmp_path: pathlib.Path) -> collections.abc.Iterator[Pair]:
    with fresh_pair(object_store, tmp_path) as pair:
        yield pair


@pytest.fixture(scope="module")
def redis() -> collections.abc.Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


class Rows:
    """A table with names, and the file that they are exchanged in."""

    def __init__(self, database: Database, folder: pathlib.Path) -> None:
        self.database = database
        self.file = folder / "references" / "0.names"
        database.execute("create table named (name text)")

    def add(self, *names: object) -> None:
        for name in names:
            self.database.execute("insert into named values (%s)", (None if name is None else str(name),))

    def write(self, **more: t.Any) -> dict[str, t.Any]:
        return good("pg_references", self.options(write_to=str(self.file), **more))

    def options(self, **more: t.Any) -> dict[str, t.Any]:
        return {"dsn": self.database.dsn(), "query": "select name from named", **more}

    def looked_for_in(self, module: str, **options: t.Any) -> dict[str, t.Any]:
        return good(module, {**options, "look_for": str(self.file)})

    def collected_by(self, module: str, **options: t.Any) -> dict[str, t.Any]:
        """What another store names, looked for among the rows."""
        written = good(module, {**options, "write_to": str(self.file)})
        found = good("pg_references", self.options(look_for=str(self.file)))
        return {**found, "unnamed": written["unnamed"], "written": written["names"]}


@pytest.fixture
def rows(database: Database, tmp_path: pathlib.Path) -> Rows:
    return Rows(database, tmp_path)


def good(module: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
    result = run_module(module, options)
    assert not result.get("failed") and not result["changed"], result
    return result


def missing(result: dict[str, t.Any]) -> list[str]:
    assert result["missing"] == len(result["missing_names"])
    return t.cast("list[str]", result["missing_names"])


def test_rows_name_objects_and_an_object_that_is_gone_is_seen(rows: Rows, bucket: Pair) -> None:
    keys = [f"receipts/{name}" for name in ODD]
    for key in keys:
        bucket.store.write(bucket.destination, key, b"paid")
    bucket.store.write(bucket.destination, "elsewhere/lost", b"")
    rows.add(*keys, keys[0], None)
    written = rows.write()
    assert (written["entries"], written["names"]) == (len(keys) + 1, len(keys)), "each once, and no null"
    assert rows.file.stat().st_mode & 0o777 == 0o600 and rows.file.parent.stat().st_mode & 0o777 == 0o700
    where = {"bucket": bucket.side(bucket.destination), "prefix": "receipts/"}
    assert missing(rows.looked_for_in("s3_references", **where)) == []
    bucket.store.client.delete_object(Bucket=bucket.destination, Key=keys[1])
    rows.add("elsewhere/lost")
    rows.write()
    found = missing(rows.looked_for_in("s3_references", **where))
    assert found == [keys[1], "elsewhere/lost"], "one is gone, and one is below another prefix"
    for key in keys:
        bucket.store.client.delete_object(Bucket=bucket.destination, Key=key)
    assert missing(rows.looked_for_in("s3_references", **where)) == [*keys, "elsewhere/lost"], "each by its own name"


def test_objects_name_rows_by_a_part_of_their_keys(rows: Rows, bucket: Pair) -> None:
    for number in (1, 2, 3):
        bucket.store.write(bucket.destination, f"orders/{number}/bill.pdf", b"")
    bucket.store.write(bucket.destination, "orders/readme.txt", b"")
    rows.add(1, 2)
    where = {"bucket": bucket.side(bucket.destination), "take": r"^orders/(\d+)/"}
    found = rows.collected_by("s3_references", **where)
    assert (missing(found), found["unnamed"]) == (["3"], 1)
    rows.add(3)
    assert missing(rows.collected_by("s3_references", **where)) == []


def _publish(url: str, stream: str, messages: t.Sequence[tuple[str, bytes, dict[str, str]]]) -> None:
    async def work(client: nats.aio.client.Client) -> None:
        for subject, data, headers in messages:
            answer = await client.request(f"{stream}.{subject}", data, timeout=30, headers=headers)
            assert b'"error"' not in answer.data, answer.data

    with_client(url, work)


def test_messages_name_rows_and_rows_name_sequences(rows: Rows, nats_server: Servers) -> None:
    url, stream = nats_server("2.14").url(), new_name("ORDERS")
    make_stream(url, stream)
    orders = [
        (f"placed.{number}", json.dumps({"order": {"id": number}}).encode(), {"Order-Id": str(number)})
        for number in range(1, 6)
    ]
    _publish(url, stream, [*orders, ("other", b"no JSON", {})])
    asked: dict[str, t.Any] = {"url": url, "stream": stream}
    rows.add(1, 2, 3, 4)
    ways: tuple[dict[str, t.Any], ...] = (
        {"json_path": "order.id"},
        {"header": "order-id"},
        {"of": "subject", "take": r"\.placed\.(\d+)$"},
        {"of": "data", "subject": f"{stream}.placed.*", "take": r'"id": (\d+)'},
    )
    for way in ways:
        assert missing(rows.collected_by("jetstream_references", **asked, **way)) == ["5"], way
    rows.add(5)
    assert missing(rows.collected_by("jetstream_references", **asked, **ways[0])) == []
    rows.write()
    assert missing(rows.looked_for_in("jetstream_references", **asked)) == [], "the sequences 1 to 5 are there"
    rows.add(7)
    rows.write()
    assert missing(rows.looked_for_in("jetstream_references", **asked)) == ["7"], "a row is ahead of the stream"
    refused = run_module("jetstream_references", {**asked, "stream": "LOST", "look_for": str(rows.file)})
    assert "There is no stream LOST" in refused["msg"]


def test_keys_and_fields_of_redis_name_rows(rows: Rows, redis: RedisServer) -> None:
    redis.feed(("HSET", f"session:{number}", "customer", f"c{number}") for number in range(1, 2001))
    redis.feed([("SET", "session:odd", "no hash"), ("HSET", "cart:1", "customer", "c9999")])
    asked: dict[str, t.Any] = {"login_port": redis.port, "pattern": "session:*"}
    rows.database.execute("insert into named select 'c' || n from generate_series(1, 1999) as n")
    found = rows.collected_by("redis_references", **asked, field="customer")
    assert (missing(found), found["written"]) == (["c2000"], 2000)
    rows.add("c2000")
    assert missing(rows.collected_by("redis_references", **asked, field="customer")) == []
    rows.database.execute("update named set name = substr(name, 2)")
    numbered = rows.collected_by("redis_references", **asked, take=r"^session:(\d+)$")
    assert (missing(numbered), numbered["unnamed"]) == ([], 1)
    rows.database.execute("delete from named where name = '77'")
    assert missing(rows.collected_by("redis_references", **asked, take=r"^session:(\d+)$")) == ["77"]


def test_rows_name_files_and_a_file_that_is_gone_is_seen(rows: Rows, tmp_path: pathlib.Path) -> None:
    top = tmp_path / "restored" / "srv" / "uploads"
    (top / "a" / "b").mkdir(parents=True)
    for name in ("a/b/1.png", "2.png"):
        (top / name).write_bytes(b"")
    rows.add("a/b/1.png", "2.png")
    rows.write()
    where = {"folder": str(tmp_path / "restored"), "below": "srv/uploads"}
    assert missing(rows.looked_for_in("paths_references", **where)) == []
    (top / "2.png").unlink()
    assert missing(rows.looked_for_in("paths_references", **where)) == ["2.png"]


def test_zero_names_are_no_answer_and_mistakes_are_named(rows: Rows, tmp_path: pathlib.Path) -> None:
    rows.add(None)
    assert rows.write()["names"] == 0
    nothing = run_module("pg_references", rows.options(look_for=str(rows.file)))
    assert nothing["failed"] and "Nothing was compared" in nothing["msg"]
    file = {"write_to": str(tmp_path / "x.names")}
    for options, words in (
        (rows.options(query="select 1, 2", **file), "gives 2 columns"),
        (rows.options(query="select lost from named", **file), 'column "lost" does not exist'),
        (rows.options(query="insert into named values ('x') returning 'x'", **file), "failed:"),
        (rows.options(query="select name from named, pg_sleep(60)", time_limit="1s", **file), "statement timeout"),
        (rows.options(take="(", **file), "not a regular expression"),
        (rows.options(take="(a)(b)", **file), "has 2 groups"),
        (rows.options(), "one of the following is required: write_to, look_for"),
    ):
        failed = run_module("pg_references", options)
        assert failed["failed"] and words in failed["msg"], failed["msg"]
    lost = run_module("pg_references", rows.options(look_for=str(tmp_path / "lost.names")))
    assert "lost.names: No such file or directory" in lost["msg"]
    assert not list(tmp_path.glob("x.names")), "a file that is not whole has no such name"
    assert rows.database.value("select count(*) from named") == 1


def test_check_mode_reads_nothing(rows: Rows) -> None:
    looked = run_module("pg_references", rows.options(write_to=str(rows.file)), check_mode=True)
    assert not looked.get("failed") and not rows.file.exists()
