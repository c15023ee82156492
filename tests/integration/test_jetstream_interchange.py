# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interchange with the real nats command line, both ways, and the manifest's own commands, tried literally."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time
import typing as t

import pytest
import yaml

from tests.integration.jetstream_place import Client, Place
from tests.integration.modules import run_module
from tests.lab import natscli, stocktools
from tests.lab.nats import NatsServer, ensure_installed

_SECONDS = 120
_HOW_TO = pathlib.Path(__file__).parents[2] / "docs" / "how-to" / "prove-the-backups-that-i-have.md"


@pytest.fixture(scope="module")
def program() -> str:
    found = natscli.find_or_build()
    if found is None:
        pytest.skip(
            "the nats command line is not there; tests/integration/test_jetstream_restore.py proves the same by bytes"
        )
    return str(found)


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


def environment(program: str, url: str, home: pathlib.Path) -> dict[str, str]:
    """The command line finds its server in the environment, and keeps its settings in a home of its own."""
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    (home / "bin").mkdir(parents=True, exist_ok=True)
    link = home / "bin" / "nats"
    link.unlink(missing_ok=True)
    link.symlink_to(program)
    return {"PATH": path, "HOME": str(home), "NATS_URL": url, "LC_ALL": "C.UTF-8"}


def nats(program: str, url: str, home: pathlib.Path, *arguments: str) -> str:
    command = [program, *arguments]
    done = subprocess.run(
        command, env=environment(program, url, home), capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    assert done.returncode == 0, f"{shlex.join(arguments)}: {done.stdout}\n{done.stderr}"
    return done.stdout


def fill(client: Client) -> None:
    client.make("GH", description="it's <b>&")
    client.publish("gh.{}", b"x" * 300, count=400, headers={"k": "v"})
    client.good("STREAM.MSG.DELETE.GH", {"seq": 17})
    client.consume("GH", "billing", acknowledge=10)
    client.make("EMPTY")
    client.put_key("settings", "color", b"red", b"green")


@pytest.mark.parametrize("version", ["2.14", "2.15"])
def test_what_is_stored_unencrypted_is_what_the_command_line_restores(program: str, version: str, place: Place) -> None:
    with NatsServer(version) as source, Client(source.url()) as client:
        fill(client)
        place.back_up(source.url())
        names = client.names()
        rows = {name: client.rows(name) for name in names}
    streams = place.backup_folder() / "streams"
    with NatsServer(version) as target, Client(target.url()) as client:
        nats(program, target.url(), place.folder, "stream", "restore", str(streams / "GH"), "--no-progress")
        assert client.rows("GH") == rows["GH"] and client.consumers("GH")["billing"]["ack_floor"]["stream_seq"] == 10
    with NatsServer(version) as target, Client(target.url()) as client:
        nats(program, target.url(), place.folder, "account", "restore", str(streams))
        assert {name: client.rows(name) for name in client.names()} == rows


@pytest.mark.parametrize(("version", "target"), [("2.14", "2.15"), ("2.15", "2.15"), ("2.14", "2.14")])
def test_what_the_command_line_has_written_is_taken_in_and_restored(
    program: str, version: str, target: str, place: Place
) -> None:
    written = place.folder / "written"
    with NatsServer(version) as source, Client(source.url()) as client:
        fill(client)
        nats(program, source.url(), place.folder, "account", "backup", str(written), "--force")
        rows = {name: client.rows(name) for name in client.names()}
    arguments = {**place.arguments(""), "url": None, "from_folder": str(written), "consumers": "ignore"}
    taken = run_module("jetstream_snapshot", arguments)
    assert not taken.get("failed"), taken
    with NatsServer(target) as there, Client(there.url()) as client:
        place.restore(there.url())
        assert {name: client.rows(name) for name in client.names()} == rows
        assert client.consumers("GH")["billing"]["ack_floor"]["stream_seq"] == 10


def test_a_stream_is_described_as_the_command_line_describes_it(program: str, place: Place) -> None:
    with NatsServer("2.14") as source, Client(source.url()) as client:
        client.make("GH")
        client.publish("gh.{}", b"x" * 300, count=50)
        place.back_up(source.url())
        nats(
            program,
            source.url(),
            place.folder,
            "stream",
            "backup",
            "GH",
            str(place.folder / "cli"),
            "--no-progress",
            "--consumers",
        )
    ours, theirs = place.backup_folder() / "streams" / "GH", place.folder / "cli"
    assert sorted(path.name for path in ours.iterdir()) == sorted(path.name for path in theirs.iterdir())
    mine, its = (json.loads((folder / "backup.json").read_bytes()) for folder in (ours, theirs))
    assert mine["state"] == its["state"]
    assert {key: value for key, value in its["config"].items() if value} == {
        key: value for key, value in mine["config"].items() if value and key in its["config"]
    }


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_manifests_own_commands_restore_everything(program: str, encrypted: bool, place: Place) -> None:
    """Only age, sha256sum and nats: this collection is not needed to restore what it has saved."""
    key = stocktools.age_key(place.folder, "operations")
    with NatsServer("2.14") as source, Client(source.url()) as client:
        fill(client)
        client.consume("GH", "volatile", mem_storage=True, acknowledge=5)
        place.back_up(
            source.url(), **({"encryption": {"engine": "age", "recipients": [key.public]}} if encrypted else {})
        )
        rows = {name: client.rows(name) for name in client.names()}
    script = "set -eu -o pipefail\n" + "\n".join(place.manifest()["restore_by_hand"])
    script = script.replace("KEY_FILE", shlex.quote(key.file))
    with NatsServer("2.14") as target, Client(target.url()) as client:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=place.backup_folder(),
            env=environment(program, target.url(), place.folder),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        assert {name: client.rows(name) for name in client.names()} == rows
        consumers = client.consumers("GH")
        assert (
            consumers["billing"]["ack_floor"]["stream_seq"] == 10
            and consumers["volatile"]["config"]["opt_start_seq"] == 6
        )


def verified(path: pathlib.Path, **more: t.Any) -> dict[str, t.Any]:
    """What the how-to's own task says of this place."""
    blocks = re.findall(r"```yaml\n(.*?)```", _HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    tasks = {task["name"]: task for block in blocks for task in yaml.safe_load(block)}
    given = tasks["Prove the newest archive of the command line"]["lifeboat.dr.jetstream_archive_verify"]
    given |= {"path": str(path), "nats_server_binary": str(ensure_installed("2.15")), "report_dir": None}
    return run_module("jetstream_archive_verify", {**given, **more})


def statuses(proof: dict[str, t.Any], kind: str = "checks") -> dict[str, str]:
    return {one["id"]: one["status"] for one in proof[kind]}


def test_what_lies_there_is_proven_as_the_how_to_says(program: str, place: Place) -> None:
    """Archives of accounts and of one stream, by the real command line, night by night: restored, read back, asked."""
    top = place.folder / "nats"
    with NatsServer("2.14") as source, Client(source.url()) as client:
        fill(client)
        client.make("ORDERS")
        client.publish("orders.{}", b"an order", count=1000)
        for day in ("14", "15"):
            folder = top / "accounts" / f"night-2026-01-{day}"
            nats(program, source.url(), place.folder, "account", "backup", str(folder), "--force")
        single = top / "GH-2026-01-15"
        nats(program, source.url(), place.folder, "stream", "backup", "GH", str(single), "--no-progress")
        messages = {name: len(client.rows(name)) for name in client.names()}
    before = sorted((path, path.read_bytes()) for path in top.rglob("*") if path.is_file())
    named = {one["path"]: one["kind"] for one in run_module("pg_dump_info", {"path": str(top)})["dumps"]}
    assert named[str(single)] == "nats", named
    planned = run_module("jetstream_archive_verify", {"path": str(top), "which": "all"}, check_mode=True)["planned"]
    assert sorted(one["path"] for one in planned) == [
        str(single), *(str(top / "accounts" / f"night-2026-01-{day}") for day in ("14", "15")),
    ]  # fmt: skip
    asked = [{"name": "red", "bucket": "settings", "key": "color", "value": "green"}]
    reports = place.folder / "reports"
    result = verified(top, report_dir=str(reports))
    assert not result.get("failed"), result["msg"]
    proofs = {pathlib.Path(one["path"]).name: one for one in result["proofs"]}
    assert sorted(proofs) == ["GH-2026-01-15", "night-2026-01-15"], "the newest of each series"
    account, stream = proofs["night-2026-01-15"], proofs["GH-2026-01-15"]
    assert account["messages"] == sum(messages.values()) and stream["messages"] == messages["GH"]
    expected = {"artifact.stored": "passed", "artifact.content": "passed", "restore.restore": "passed",
                "content.messages": "passed", "structure.consumers": "passed", "content.unread": "skipped"}  # fmt: skip
    assert {name: statuses(account)[name] for name in expected} == expected
    assert statuses(account)["custom.1"] == "passed" and "custom.1" not in statuses(stream), "GH holds no orders"
    assert set(statuses(account, "controls").values()) == {"passed"} and account["controls"]
    assert "no fingerprint of its source" in pathlib.Path(account["report_files"]["markdown"]).read_text("utf-8")
    assert verified(top, checks=asked, pattern="night-*", profile="quick")["verdict"] == "passed"
    assert sorted((path, path.read_bytes()) for path in top.rglob("*") if path.is_file()) == before


def test_what_is_cut_or_unfinished_is_not_proven_and_keeps_no_other_from_it(program: str, place: Place) -> None:
    top = place.folder / "nats"
    with NatsServer("2.15") as source, Client(source.url()) as client:
        fill(client)
        nats(program, source.url(), place.folder, "account", "backup", str(top / "whole"), "--force")
    for name in ("cut", "unfinished"):
        shutil.copytree(top / "whole", top / name)
    archive = top / "cut" / "GH" / "stream.tar.s2"
    archive.write_bytes(archive.read_bytes()[:-2000])
    (top / "unfinished" / "GH" / "backup.json").write_bytes(b"")  # as the command line leaves it
    shutil.copytree(top / "cut" / "GH", top / "alone")
    result = verified(top, checks=[], profile="quick")
    found = {pathlib.Path(one["path"]).name: one for one in result["proofs"]}
    assert {name: one["verdict"] for name, one in found.items()} == {
        "whole": "passed", "cut": "failed", "unfinished": "failed", "alone": "failed",
    }  # fmt: skip
    assert result["failed"] and all(f"{top / name}" in result["msg"] for name in ("cut", "unfinished", "alone"))
    assert statuses(found["cut"])["artifact.broken"] == statuses(found["unfinished"])["artifact.broken"] == "failed"
    whole = top / "whole"
    described = whole / "GH" / "backup.json"
    told = json.loads(described.read_bytes())
    described.write_text(json.dumps({**told, "state": {**told["state"], "messages": told["state"]["messages"] + 1}}))
    (fewer,) = verified(whole, checks=[], profile="quick")["proofs"]
    (said,) = (one for one in fewer["checks"] if one["id"] == "artifact.noticed")
    assert fewer["verdict"] == "passed" and "fewer messages than its state says" in said["message"]
    described.write_text(json.dumps(told))
    ahead = time.time() + 86400
    os.utime(described, (ahead, ahead))
    hiding = verified(whole, checks=[], profile="quick")
    assert hiding["failed"] and "it is from the future" in hiding["msg"], "it would be the newest for ever"
    os.utime(described)
    wrong = verified(whole, checks=[{"name": "red", "bucket": "settings", "key": "color", "value": "red"}])
    assert wrong["failed"] and "red" in wrong["msg"]
    for given, said in (
        ({"checks": [{"name": "x", "stream": "NOT_THERE", "value": 1}]}, "NOT_THERE, which is in none"),
        ({"jobs": 0}, "jobs is 0"),
    ):
        refused = verified(whole, **given)
        assert refused["failed"] and said in refused["msg"], (given, refused["msg"])
    for path, said in ((pathlib.Path("/nowhere"), "is not a folder"), (place.folder / "bin", "there is no archive")):
        nothing = verified(path)
        assert nothing["failed"] and said in nothing["msg"], nothing["msg"]
