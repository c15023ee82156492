# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""restore_verify on backups of streams: good ones pass on every server that can read them, each fault makes it red,
nothing is left.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import threading
import typing as t

import jsonschema
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest

from tests.integration.backups import cut, flip_byte, keys_of, server_below
from tests.integration.jetstream_place import Client, Place, wait_for
from tests.integration.modules import run_module, start_module
from tests.integration.proofs import ends_in_a_report, says_that_nothing_was_compared
from tests.lab.faultproxy import FaultProxy
from tests.lab.nats import NatsServer, account, ensure_installed
from tests.lab.smalldisk import SmallDisk

_SCHEMA = pathlib.Path(__file__).parents[2] / "docs" / "schemas" / "report.schema.json"
_SHORT_SECONDS = 30
_QUESTIONS: list[dict[str, t.Any]] = [
    {"name": "orders are there", "stream": "ORDERS", "operator": ">=", "value": 499},
    {"name": "on one subject", "stream": "ORDERS", "subject": "orders.3.*", "value": 1},
    {"name": "orders are fresh", "stream": "ORDERS", "newer_than": "26h"},
    {"name": "fresh, though the last one was deleted", "stream": "TAKEN_BACK", "newer_than": "26h"},
    {"name": "currency", "bucket": "settings", "key": "currency", "value": "EUR"},
    {"name": "currency is young", "bucket": "settings", "key": "currency", "newer_than": "26h"},
    {"name": "keys", "bucket": "settings", "value": 1},
    {"name": "logo", "bucket": "pictures", "object": "logo.png", "value": 300_000},
    {"name": "objects", "bucket": "pictures", "operator": "<", "value": 2},
]


@dataclasses.dataclass
class Stock:
    """Backups of one account, taken once by a server of one version.

    No test may change them; ``copied`` gives one that it may.
    """

    place: Place
    source: Client

    def arguments(self, server: str = "2.15", **options: t.Any) -> dict[str, t.Any]:
        repositories = [{"path": str(path)} for path in self.place.repositories]
        program = str(ensure_installed(server))
        return {
            "app": "shop",
            "component": "events",
            "repositories": repositories,
            "nats_server_binary": program,
            **options,
        }

    def verify(self, server: str = "2.15", **options: t.Any) -> dict[str, t.Any]:
        return run_module("jetstream_verify", self.arguments(server, **options))

    def copied(self, folder: pathlib.Path, copies: int = 1) -> Stock:
        place = Place(folder / "copied", copies=copies)
        for repository in place.repositories:
            shutil.copytree(self.place.repositories[0], repository)
        return Stock(place, self.source)

    def archive(self, stream: str, copy: int = 0) -> pathlib.Path:
        return self.place.backup_folder(copy) / "streams" / stream / "stream.tar.s2"

    def rewrite(self, change: t.Callable[[dict[str, dict[str, t.Any]]], None]) -> None:
        """Change what the manifest says of the streams (by name), and seal it anew."""
        path = self.place.backup_folder() / "manifest.json"
        manifest = _manifest.load(path.read_bytes(), str(path))
        change({stream["name"]: stream for stream in manifest.content["streams"]})
        path.write_bytes(_manifest.dump(manifest))


def _fill(client: Client, version: str) -> None:
    """One stream of each kind that a restore could treat in its own way."""
    client.make("SHORT", max_age=_SHORT_SECONDS * 1_000_000_000)
    client.make("ORDERS", max_msgs=100_000)
    client.publish("orders.{}.new", b"an order", count=500, headers={"Kind": "order", "Odd": "  spaces  "})
    client.good("STREAM.MSG.DELETE.ORDERS", {"seq": 7})
    client.consume("ORDERS", "billing", acknowledge=10)
    client.consume("ORDERS", "one", filter_subject="orders.3.*")
    client.make("JOBS", retention="workqueue")
    client.publish("jobs.{}", b"job", count=30)
    client.consume("JOBS", "worker", acknowledge=5)
    client.make("EVENTS", retention="interest")
    client.consume("EVENTS", "listener")
    client.publish("events.{}", b"event", count=3)
    client.make("EMPTY")
    client.make("TAKEN_BACK")
    client.publish("taken_back.{}", b"kept", count=3)
    client.good("STREAM.MSG.DELETE.TAKEN_BACK", {"seq": 3})
    client.make("COPY", mirror={"name": "ORDERS"})
    client.consume("COPY", "reader", filter_subject="orders.4.*")
    if version == "2.15":  # older servers do not give snapshots of these
        client.make("MEMORY", storage="memory")
        client.publish("memory.{}", b"kept in memory", count=20)
    client.make("TTL", allow_msg_ttl=True)
    client.publish("ttl.{}", b"short", count=5, headers={"Nats-TTL": f"{_SHORT_SECONDS}s"})
    client.publish("ttl.{}", b"long", count=2, headers={"Nats-TTL": "1h"})
    client.put_key("settings", "currency", b"DEM", b"EUR")
    client.put_key("settings", "old", b"gone soon")
    client.publish("$KV.settings.old", b"", headers={"KV-Operation": "DEL"})
    client.put_object("pictures", "logo.png", os.urandom(300_000))
    client.put_object("pictures", "logo.png", os.urandom(300_000))  # whose chunks take the place of the first one's
    wait_for(lambda: client.state("COPY")["messages"] == 499, "the mirror has all")
    client.publish("short.{}", b"short", count=10)


@pytest.fixture(scope="module")
def stocks(tmp_path_factory: pytest.TempPathFactory) -> collections.abc.Iterator[dict[str, Stock]]:
    with contextlib.ExitStack() as stack:
        made = {}
        for version in ("2.14", "2.15"):
            server = stack.enter_context(NatsServer(version))
            client = stack.enter_context(Client(server.url()))
            _fill(client, version)
            made[version] = Stock(Place(tmp_path_factory.mktemp(f"of-{version}")), client)
            made[version].place.back_up(server.url(), encryption={"engine": "none"})
        yield made


def _checks(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return {check["id"]: check for check in result["checks"]}


def _green(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    assert result.get("verdict") == "passed", result.get("msg")
    assert {control["status"] for control in result["controls"]} == {"passed"}, result["controls"]
    return _checks(result)


def _red(result: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    assert result["failed"] and result["verdict"] == "failed", result
    return _checks(result)


# --- green ---


@pytest.mark.parametrize(("source", "server"), [("2.14", "2.14"), ("2.14", "2.15"), ("2.15", "2.15")])
def test_full_reads_every_message_back_and_writes_report_and_proof(
    source: str, server: str, stocks: dict[str, Stock], tmp_path: pathlib.Path, scratch_base: pathlib.Path
) -> None:
    stock = stocks[source].copied(tmp_path, copies=2)
    result = stock.verify(
        server, scratch_dir=str(scratch_base), report_dir=str(tmp_path / "reports"), checks=_QUESTIONS
    )
    checks = _green(result)
    for check in (
        "artifact.stored",
        "artifact.content",
        "artifact.copies",
        "restore.restore",
        "content.messages",
        "structure.consumers",
        "structure.keys",
        "structure.objects",
    ):
        assert checks[check]["status"] == "passed", check
    assert {control["id"] for control in result["controls"]} == {
        "control.archive",
        "control.message",
        "control.flip",
        "control.cut",
    }
    report = json.loads(pathlib.Path(result["report_files"]["json"]).read_bytes())
    jsonschema.validate(report, json.loads(_SCHEMA.read_bytes()))
    assert report["source"]["kind"] == "account" and report["source"]["engine"] == "NATS JetStream"
    parts = {part["name"]: part for part in report["parts"]}
    assert (
        parts["ORDERS"]["count_restored"] == 499
        and parts["SHORT"]["count_restored"] == 10
        and ("MEMORY" in parts) == (source == "2.15")
    )
    assert {part["status"] for part in parts.values()} == {"passed"}
    assert all(part["fingerprint_expected"] == part["fingerprint_restored"] for part in parts.values())
    assert result["measured"]["restore_seconds"] > 0 and "hash by hash" in result["summary"]
    info = run_module(
        "backup_info", {"app": "shop", "component": "events", "repositories": stock.arguments()["repositories"]}
    )
    assert info["backups"][0]["verified"] is True
    assert list(scratch_base.iterdir()) == []


@pytest.mark.parametrize("profile", ["artifact", "quick"])
def test_the_lesser_profiles_pass_and_are_no_proof_of_the_greater(
    profile: str, stocks: dict[str, Stock], tmp_path: pathlib.Path
) -> None:
    stock = stocks["2.14"].copied(tmp_path)
    checks = _green(stock.verify(profile=profile))
    assert ("content.messages" in checks) == (profile == "quick")
    arguments = stock.arguments(profile="full", max_age="1h")
    assert run_module("jetstream_verify", arguments, check_mode=True)["changed"] is True, "a weaker proof is not enough"
    assert stock.verify(profile=profile, max_age="1h")["changed"] is False


def test_artifact_needs_no_server(stocks: dict[str, Stock]) -> None:
    _green(stocks["2.15"].verify(profile="artifact", nats_server_binary="/nowhere/nats-server", record=False))


def test_a_backup_of_another_host_is_proven_with_its_key_and_not_without(tmp_path: pathlib.Path) -> None:
    place, keys = Place(tmp_path), keys_of("age", tmp_path)
    with NatsServer("2.14") as server, Client(server.url()) as client:
        client.make("ORDERS")
        client.publish("orders.{}", b"order", count=10)
        client.consume("ORDERS", "kept", acknowledge=4)
        client.consume("ORDERS", "in-memory", acknowledge=3, mem_storage=True)
        place.back_up(server.url(), encryption=keys.write, consumers="rebuild")
        stock = Stock(place, client)
        assert "No key given opens this backup" in stock.verify(encryption=keys_of("age", tmp_path).read)["msg"]
        result = stock.verify("2.14", encryption=keys.read, report_dir=str(tmp_path / "reports"))
    assert _green(result)["structure.consumers"]["message"] == "2 consumers"
    assert "not in the archive; a restore makes it again" in pathlib.Path(result["report_files"]["html"]).read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_what_a_limit_drops_while_the_archive_is_made_is_explained(profile: str, tmp_path: pathlib.Path) -> None:
    place, stop = Place(tmp_path), threading.Event()
    with NatsServer("2.14") as server, Client(server.url()) as client, Client(server.url()) as writer:
        client.make("ORDERS", max_msgs=5000)
        client.publish("orders.{}", 300, count=5000)

        def publish() -> None:
            while not stop.is_set():
                writer.publish("orders.{}", 300, count=200)

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            wait_for(lambda: client.state("ORDERS")["first_seq"] > 1, "the limit is at work")
            place.back_up(server.url(), encryption={"engine": "none"})
        finally:
            stop.set()
            thread.join()
    _green(Stock(place, client).verify("2.14", profile=profile))


# --- red ---


@pytest.mark.parametrize("profile", ["artifact", "quick"])
@pytest.mark.parametrize("source", ["2.14", "2.15"])
def test_a_flipped_byte_is_red(profile: str, source: str, stocks: dict[str, Stock], tmp_path: pathlib.Path) -> None:
    stock = stocks[source].copied(tmp_path)
    flip_byte(stock.archive("ORDERS"))
    result = stock.verify(profile=profile)
    checks = _red(result)
    assert checks["artifact.stored"]["status"] == "failed" and "streams/ORDERS/stream.tar.s2" in result["msg"]
    if profile == "quick":
        assert checks["restore.restore"]["status"] == "failed" and checks["content.messages"]["status"] == "failed"


def test_a_cut_tail_is_red_and_the_other_streams_are_proven(stocks: dict[str, Stock], tmp_path: pathlib.Path) -> None:
    stock = stocks["2.14"].copied(tmp_path)
    cut(stock.archive("ORDERS"))
    result = stock.verify(report_dir=str(tmp_path / "reports"))
    assert "it was cut or changed" in _red(result)["artifact.stored"]["message"]
    report = json.loads(pathlib.Path(result["report_files"]["json"]).read_bytes())
    assert {part["name"] for part in report["parts"] if part["status"] == "failed"} == {"ORDERS"}


def test_an_archive_with_other_messages_than_the_manifest_says_is_red(
    stocks: dict[str, Stock], tmp_path: pathlib.Path
) -> None:
    stock = stocks["2.14"].copied(tmp_path)

    def change(streams: dict[str, dict[str, t.Any]]) -> None:
        streams["ORDERS"]["fingerprint"] = "0" * 64
        streams["JOBS"]["messages"] += 1
        streams["EVENTS"]["archived_consumers"] = ["ghost", "listener"]
        streams["EMPTY"]["config"]["max_msgs"] = 5

    stock.rewrite(change)
    message = _red(stock.verify(profile="artifact"))["artifact.content"]["message"]
    assert message.startswith(
        "4 of 10 streams are wrong: EMPTY: the stored configuration is not the manifest's; EVENTS: the consumer"
    )


def test_a_damaged_copy_in_another_repository_is_red(stocks: dict[str, Stock], tmp_path: pathlib.Path) -> None:
    stock = stocks["2.15"].copied(tmp_path, copies=2)
    flip_byte(stock.archive("KV_settings", copy=1))
    checks = _red(stock.verify())
    assert checks["artifact.copies"]["status"] == "failed" and checks["content.messages"]["status"] == "passed"


def test_a_question_with_another_answer_is_red_and_one_that_cannot_be_asked_too(
    stocks: dict[str, Stock], tmp_path: pathlib.Path
) -> None:
    asked = [
        {"name": "too many", "stream": "ORDERS", "operator": ">", "value": 1_000_000},
        {"name": "deleted", "bucket": "settings", "key": "old", "value": "gone soon"},
        {"name": "nowhere", "stream": "NOWHERE", "value": 1},
        {"name": "never", "bucket": "pictures", "object": "other.png", "newer_than": "1h"},
    ]
    result = stocks["2.14"].copied(tmp_path).verify(profile="quick", checks=asked)
    checks = _red(result)
    assert [checks[f"custom.{number}"]["status"] for number in (1, 2, 3, 4)] == ["failed", "failed", "error", "failed"]
    assert (
        "holds no stream NOWHERE" in result["msg"] and "there is none, where == gone soon is asked for" in result["msg"]
    )


# --- refused before anything is restored ---


def test_the_second_format_needs_a_new_program_and_says_so(
    stocks: dict[str, Stock], scratch_base: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    stock = stocks["2.15"].copied(tmp_path)
    result = stock.verify("2.14", scratch_dir=str(scratch_base))
    assert result["failed"] and "verdict" not in result
    assert "read from 2.15" in result["msg"] and "2.14.6" in result["msg"]
    assert not (stock.place.backup_folder() / "verified").exists() and list(scratch_base.iterdir()) == []


def test_a_stream_that_was_read_out_of_memory_needs_a_new_program_and_stops_no_other(tmp_path: pathlib.Path) -> None:
    alone, both = Place(tmp_path / "alone"), Place(tmp_path / "both")
    with NatsServer("2.14") as server, Client(server.url()) as client:
        client.make("MEMORY", storage="memory")
        client.publish("memory.{}", b"kept in memory", count=20)
        alone.back_up(server.url(), encryption={"engine": "none"})
        client.make("ORDERS")
        client.publish("orders.{}", b"an order", count=20)
        both.back_up(server.url(), encryption={"engine": "none"})
    assert "stream MEMORY is of the second format" in Stock(alone, client).verify("2.14")["msg"]
    stock = Stock(both, client)
    checks = _red(stock.verify("2.14"))
    assert checks["restore.restore"]["message"].startswith("1 of 2 streams is wrong: MEMORY could not be restored here")
    assert checks["content.messages"]["message"].startswith("1 of 2 streams is wrong: MEMORY")
    assert checks["artifact.content"]["status"] == "passed", "it was read at least"
    partly = stock.verify("2.14", exclude=["MEM*"], max_age="1h")
    assert "content.excluded" in _green(partly)
    assert "1 stream with 20 messages equal hash by hash, 1 stream not compared" in partly["summary"]
    assert stock.verify("2.14", max_age="1h")["failed"], "a proof that left something out is no proof of all"
    _green(stock.verify("2.15", max_age="1h"))


def test_an_account_without_a_stream_is_saved_and_proven_only_where_that_was_said_to_be_right(
    tmp_path: pathlib.Path,
) -> None:
    place = Place(tmp_path)
    with NatsServer("2.14") as server, Client(server.url()) as client:
        assert "Set allow_empty: true where that is right" in place.fail_to_back_up(server.url())
        assert "no stream of" in place.fail_to_back_up(server.url(), allow_empty=True, streams=["A*"])
        empty = place.back_up(server.url(), allow_empty=True, encryption={"engine": "none"})
        assert empty["streams"] == [] and empty["changed"]
    verified = Stock(place, client).verify("2.14")
    checks = _green(verified)
    says_that_nothing_was_compared("jetstream", verified)
    assert checks["content.messages"]["message"] == "the account had no stream, as allow_empty said"


def test_a_program_that_is_not_there_or_is_another_is_told(stocks: dict[str, Stock]) -> None:
    for program, words in (
        ("/nowhere/nats-server", "There is no program nats-server as /nowhere/nats-server"),
        ("/bin/true", "version"),
    ):
        result = stocks["2.14"].verify(nats_server_binary=program)
        assert result["failed"] and words in result["msg"] and "verdict" not in result


def test_a_disk_that_is_too_small_is_told_before_anything_is_restored(
    stocks: dict[str, Stock], small_disk: SmallDisk
) -> None:
    result = stocks["2.14"].verify(scratch_dir=str(small_disk.path))
    assert result["failed"] and "bytes free" in result["msg"] and "verdict" not in result
    assert list(small_disk.path.iterdir()) == []


def test_a_query_is_refused(stocks: dict[str, Stock]) -> None:
    result = stocks["2.14"].verify(checks=[{"query": "select 1", "value": 1}])
    assert result["failed"] and "checks.query" in result["msg"]


# --- what a killed run leaves ---


def test_a_killed_run_leaves_no_server_and_its_folder_is_removed_by_the_next(
    stocks: dict[str, Stock], scratch_base: pathlib.Path
) -> None:
    arguments = stocks["2.14"].arguments("2.14", scratch_dir=str(scratch_base), record=False)
    process = start_module("jetstream_verify", arguments)
    try:
        wait_for(
            lambda: bool(list(scratch_base.glob("lifeboat-scratch-*/server/*.ports"))), "the scratch server listens"
        )
    finally:
        process.kill()
        process.communicate()
    wait_for(lambda: not server_below(str(scratch_base), "nats-server"), "the server ends with its owner")
    server = next(scratch_base.glob("lifeboat-scratch-*")) / "server"
    assert stat.S_IMODE(server.stat().st_mode) == 0o700
    assert stat.S_IMODE((server / "server.json").stat().st_mode) == 0o600
    _green(run_module("jetstream_verify", arguments))
    assert list(scratch_base.iterdir()) == []


def test_a_terminated_run_leaves_nothing(stocks: dict[str, Stock], scratch_base: pathlib.Path) -> None:
    process = start_module(
        "jetstream_verify", stocks["2.14"].arguments("2.14", scratch_dir=str(scratch_base), record=False)
    )
    wait_for(lambda: bool(list(scratch_base.glob("lifeboat-scratch-*/server/*.ports"))), "the scratch server listens")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert list(scratch_base.iterdir()) == []


# --- a scratch account ---


@pytest.fixture(scope="module")
def rehearsals() -> collections.abc.Iterator[NatsServer]:
    """A server with an account for rehearsals beside production's."""
    with NatsServer("2.15", accounts={"REHEARSE": account("rehearse"), "PROD": account("prod")}) as server:
        yield server


def test_a_scratch_account_is_used_and_left_empty(stocks: dict[str, Stock], rehearsals: NatsServer) -> None:
    with Client(rehearsals.url("prod")) as production, Client(rehearsals.url("rehearse")) as client:
        production.make("ORDERS")
        password = rehearsals.password_of("rehearse")
        where = {"url": rehearsals.url(), "user": "rehearse", "password": password}
        result = stocks["2.14"].verify(
            nats_scratch_account=where, nats_server_binary="/nowhere/nats-server", record=False
        )
        _green(result)
        assert client.names() == [] and production.names() == ["ORDERS"]
        assert password not in json.dumps({**result, "invocation": None})


def test_a_scratch_account_that_is_not_empty_is_refused_and_what_a_killed_run_left_is_deleted(
    stocks: dict[str, Stock], rehearsals: NatsServer, scratch_base: pathlib.Path
) -> None:
    where = {"url": rehearsals.url("rehearse")}
    with Client(rehearsals.url("rehearse")) as client:
        client.make(
            "JOBS", metadata={"lifeboat.dr/scratch": f"{socket.gethostname()} {scratch_base}/lifeboat-scratch-gone"}
        )
        client.make("ORDERS", metadata={"lifeboat.dr/scratch": "another-host /var/tmp/lifeboat-scratch-gone"})
        result = stocks["2.14"].verify(nats_scratch_account=where, scratch_dir=str(scratch_base))
        assert (
            result["failed"] and "is not empty: it has the stream ORDERS" in result["msg"] and "verdict" not in result
        )
        assert client.names() == ["ORDERS"]
        client.good("STREAM.DELETE.ORDERS")
    assert list(scratch_base.iterdir()) == []


def test_a_scratch_place_that_becomes_full_says_nothing_of_the_backup(
    stocks: dict[str, Stock], tmp_path: pathlib.Path
) -> None:
    stock = stocks["2.15"].copied(tmp_path)
    with NatsServer("2.15", jetstream={"max_file_store": 200_000}) as server, Client(server.url()) as client:
        result = stock.verify(nats_scratch_account={"url": server.url()})
        assert result["failed"] and "no room for the stream OBJ_pictures" in result["msg"] and "verdict" not in result
        assert client.names() == []
    assert not (stock.place.backup_folder() / "verified").exists()


def test_a_scratch_place_that_is_lost_while_it_is_read_says_nothing_of_the_backup(
    stocks: dict[str, Stock], rehearsals: NatsServer
) -> None:
    with FaultProxy(rehearsals.port, http=False) as line:
        line.cut_after(
            200_000, direction="down", then_refuse=True
        )  # what is uploaded goes the other way, so this is the comparison
        where = {
            "url": f"nats://127.0.0.1:{line.port}",
            "user": "rehearse",
            "password": rehearsals.password_of("rehearse"),
        }
        result = stocks["2.15"].verify(nats_scratch_account=where, record=False)
    assert result["failed"] and "was lost while the stream" in result["msg"] and "verdict" not in result, result
    with Client(rehearsals.url("rehearse")) as client:
        for name in client.names():
            client.good(f"STREAM.DELETE.{name}")


# --- time has passed ---


@pytest.mark.parametrize(("origin", "server"), [("2.14", "2.14"), ("2.14", "2.15"), ("2.15", "2.15")])
def test_an_age_limit_that_would_drop_everything_by_now_drops_nothing_from_the_proof(
    origin: str, server: str, stocks: dict[str, Stock], tmp_path: pathlib.Path
) -> None:
    source = stocks[origin]
    wait_for(
        lambda: source.source.state("SHORT")["messages"] == 0, "the source has dropped them", seconds=_SHORT_SECONDS * 4
    )
    result = source.copied(tmp_path).verify(server, report_dir=str(tmp_path / "reports"))
    _green(result)
    report = json.loads(pathlib.Path(result["report_files"]["json"]).read_bytes())
    assert next(part for part in report["parts"] if part["name"] == "SHORT")["count_restored"] == 10
    told = next(check for check in report["checks"] if check["id"] == "restore.limits")
    words = next(item["message"] for item in told["items"] if item["name"] == "SHORT")
    assert next(part for part in report["parts"] if part["name"] == "TTL")["count_restored"] in (
        2,
        7,
    )  # servers from 2.15 drop them
    assert words.startswith("compared without max_age; its max_age is 30.0 s, and its oldest message is older")


def test_a_server_that_dies_in_a_proof_leaves_a_report(stocks: dict[str, Stock], scratch_base: pathlib.Path) -> None:
    ends_in_a_report("jetstream", stocks["2.15"].verify, scratch_base, "nats-server")
