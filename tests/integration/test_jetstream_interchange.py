# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interchange with the real nats command line, both ways, and the manifest's own commands, tried literally."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess

import pytest

from tests.integration.jetstream_place import Client, Place
from tests.integration.modules import run_module
from tests.lab import natscli, stocktools
from tests.lab.nats import NatsServer

_SECONDS = 120


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
