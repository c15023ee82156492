# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fleets: the status of many components in a bucket far away, a plan of retention, a run in which everything is young,
the role on a host that has it, and many hosts that start at the same minute.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime
import functools
import getpass
import hashlib
import json
import multiprocessing
import os
import pathlib
import re
import resource
import shlex
import sys
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._run_limit import RunLimit
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._planner import Entry, plan
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import Policy, Rules

from tests.bench.measure import Contestant, MeasureError, Run, run, run_module
from tests.bench.suite import Measured, Settings
from tests.bench.table import Figures, Row
from tests.lab import throwaway
from tests.lab.booted import run_under_systemd
from tests.lab.delayproxy import DelayProxy
from tests.lab.objectstore import ObjectStore

_ROOT = pathlib.Path(__file__).parents[2]
_ROUND_TRIP = 0.05
_COMPONENTS, _BACKUPS = 500, 60
_PLANNED, _YOUNG = 100_000, 20
_HOSTS, _PLACES, _RUN_SECONDS = 200, 20, 0.2
_WRITERS = 16
_BUCKET = "bench-backups"

STATUS, AGAIN = "backup_status, first look", "backup_status, second look"
RETENTION, RETENTION_TENTH = "retention plan", "retention plan, a tenth"
ROLE = "role backup, installed already"
YOUNG = "playbook backup_run, all young"
LIMIT = "a limit of 20 runs"
AT_ONCE, LEFT = f"{LIMIT}, at once", f"{LIMIT}, not done"

ROWS = (
    Row("status", "status of 500 components with 60 backups each, 50 ms", "seconds", (STATUS,), "", 60),
    Row("status", "the second look", "seconds", (AGAIN,), "", 10),
    Row("status", "peak memory of a look", "megabytes", (STATUS, AGAIN), "", 200),
    Row("retention", "retention plan for 100,000 backups", "seconds", (RETENTION,), "", 3),
    Row("retention", "... against a tenth of them (n log n is 12.5)", "time", (RETENTION,), RETENTION_TENTH, 15),
    Row("young", "backup_run, 20 components that are young", "seconds", (YOUNG,), "", 4),
    Row("role", "role backup on a host that has it, changed=0", "seconds", (ROLE,), "", 12),
    Row("limit", "200 hosts at one minute, limit 20: all are done", "seconds", (LIMIT,), "", 600),
    Row("limit", "... at work at the same time", "count", (AT_ONCE,), "", _PLACES, "hosts"),
    Row("limit", "... that did not get their turn", "count", (LEFT,), "", 0, "hosts"),
)


def measure(settings: Settings) -> Measured:
    """All rows with these keys."""
    measured = Measured(ROWS)
    folder = throwaway.Folder("bench-fleet")
    try:
        for key, part in _PARTS.items():
            if key in settings.keys:
                part(settings, measured, pathlib.Path(folder.path))
    finally:
        folder.remove()
    return measured


def _status(settings: Settings, measured: Measured, folder: pathlib.Path) -> None:
    components = settings.scaled(_COMPONENTS)
    with ObjectStore() as store, DelayProxy(store.port, _ROUND_TRIP) as far:
        settings.say(f"{components * _BACKUPS:,} backups in a bucket at {_ROUND_TRIP * 1000:.0f} ms ...")
        store.client.create_bucket(Bucket=_BUCKET)
        with concurrent.futures.ThreadPoolExecutor(_WRITERS) as pool:
            for _done in pool.map(functools.partial(_fill, store), range(components)):
                pass
        arguments = {
            "repositories": [
                {
                    "bucket": _BUCKET, "endpoint_url": f"http://127.0.0.1:{far.port}", "region": store.region,
                    "access_key": store.access_key, "secret_key": store.secret_key,
                }
            ],
            "cache": str(folder / "cache"),
        }  # fmt: skip

        def look(first: bool) -> Run:
            if first:
                (folder / "cache").unlink(missing_ok=True)
            done = run_module("backup_status", arguments, _environment())
            result = json.loads(done.output)
            if len(result.get("components", [])) != components or result["counts"]["bad"]:
                raise MeasureError(f"backup_status: {done.output[:600]}")
            return done

        works = [Contestant(STATUS, lambda: look(True)), Contestant(AGAIN, lambda: look(False))]
        measured.figures |= settings.figures(works, warm_up=False)
        measured.remarks.append(f"Status: {components} components with {_BACKUPS} backups each, two files in each.")


def _fill(store: ObjectStore, number: int) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    for day in range(_BACKUPS):
        moment = now - datetime.timedelta(days=day, hours=1)
        for path, content in _files(f"c{number:03d}", moment).items():
            store.write(_BUCKET, path, content)


def _files(component: str, moment: datetime.datetime) -> dict[str, bytes]:
    """A backup as it lies in a repository."""
    content = b"x" * 100
    time_text = _manifest.iso(moment)
    artifact = _manifest.Artifact("data.dump", "whole", 100, 100, hashlib.sha256(content).hexdigest())
    made = _manifest.Manifest(
        "shop", component, f"{moment:%Y%m%dT%H%M%SZ}-00000a", "postgresql", time_text, time_text, time_text, "db1", {},
        _manifest.Encoding("none", "none", ()), (artifact,), {"database": {"name": "shop"}},
    )  # fmt: skip
    return {f"{made.folder}/data.dump": content, f"{made.folder}/manifest.json": _manifest.dump(made)}


def _retention(settings: Settings, measured: Measured, _folder: pathlib.Path) -> None:
    count = settings.scaled(_PLANNED)
    works = [
        Contestant(RETENTION, functools.partial(_planned, count)),
        Contestant(RETENTION_TENTH, functools.partial(_planned, count // 10)),
    ]
    measured.figures |= settings.figures(works)


def _planned(count: int) -> Run:
    """In this process: what is measured is the plan alone."""
    now = datetime.datetime.now(datetime.UTC)
    entries = [
        Entry(f"{moment:%Y%m%dT%H%M%SZ}-{number:06x}", moment, failed=number % 97 == 0, proven=number % 7 == 0)
        for number in range(count)
        for moment in [now - datetime.timedelta(minutes=15 * number)]
    ]
    periods = (("hourly", 48), ("daily", 30), ("weekly", 52), ("monthly", 36), ("yearly", 10))
    policy = Policy(Rules(10, datetime.timedelta(days=2), periods), max_fraction=1.0)
    began, before = time.perf_counter(), time.process_time()
    decided = plan(entries, policy, now)
    seconds, processor = time.perf_counter() - began, time.process_time() - before
    if len(decided.decisions) != count:
        raise MeasureError("the plan does not decide about every backup")
    return Run(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "", processor)


def _young(settings: Settings, measured: Measured, folder: pathlib.Path) -> None:
    """No server is needed: what is young is not asked for."""
    names = [f"c{number:02d}" for number in range(settings.scaled(_YOUNG))]
    for name in names:
        for path, content in _files(name, datetime.datetime.now(datetime.UTC).replace(microsecond=0)).items():
            file = folder / "backups" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    python = folder / "home" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    components = [{"name": name, "engine": "postgresql", "dsn": "dbname=shop", "max_age": "20h"} for name in names]
    variables = folder / "variables.json"
    variables.write_text(
        json.dumps(
            {
                "lifeboat_home": str(folder / "home"),
                "lifeboat_plan": {
                    "app": "shop", "run_as": getpass.getuser(), "components": components,
                    "repositories": [{"path": str(folder / "backups")}],
                },
            }
        ),
        encoding="utf-8",
    )  # fmt: skip
    command = [
        str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "--inventory", "localhost,",
        "--connection", "local", "--extra-vars", f"@{variables}", "lifeboat.dr.backup_run",
    ]  # fmt: skip

    def play() -> Run:
        done = run(command, {**_environment(), "ANSIBLE_HOME": str(_ROOT / ".ansible"), "ANSIBLE_NOCOLOR": "1"})
        if not re.search(r"changed=0 +unreachable=0 +failed=0", done.output):
            raise MeasureError(f"backup_run: {done.output[-600:]}")
        return done

    measured.figures |= settings.figures([Contestant(YOUNG, play)])


def _role(settings: Settings, measured: Measured, folder: pathlib.Path) -> None:
    """Under a systemd of its own, on a copy-on-write view of this machine: timers and all, and nothing stays of it."""
    shared = folder / "shared"
    shared.mkdir()
    plan_of_host = {
        "app": "shop", "run_as": "nobody",
        "components": [{"name": "codex", "engine": "postgresql", "dsn": "dbname=shop"}],
        "repositories": [{"path": "/var/backups/lifeboat"}],
        "schedule": {"backup": "01:00", "prune": "06:00", "rehearsal": "Sun 04:00", "status": "*:0/15"},
    }  # fmt: skip
    (shared / "variables.json").write_text(json.dumps({"lifeboat_plan": plan_of_host}), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}
    exported = {**kept, **_environment(), "ANSIBLE_HOME": "/var/tmp/ansible", "ANSIBLE_NOCOLOR": "1"}
    exports = "\n".join(f"export {name}={shlex.quote(value)}" for name, value in exported.items())
    playbook = (
        f"{pathlib.Path(sys.executable).with_name('ansible-playbook')} --inventory localhost, --connection local "
        "--extra-vars @/mnt/variables.json --extra-vars ansible_python_interpreter=/usr/bin/python3 "
        "lifeboat.dr.backup_install </dev/null"
    )
    turns = "\n".join(
        f"began=$(date +%s.%N)\n{playbook} | tail -n 3\necho took $(date +%s.%N) $began"
        for _n in range(settings.rounds)
    )
    said = run_under_systemd(
        shared, f"{exports}\ncd {_ROOT}\n{playbook} | tail -n 30\necho ---\n{turns}\n", seconds=900,
        folders=[str(_ROOT), os.path.realpath(sys.prefix), sys.base_prefix],
    )  # fmt: skip
    again = said.partition("\n---\n")[2]
    if again.count(" changed=0 ") != settings.rounds or " failed=0 " not in again:
        raise MeasureError(f"backup_install: {said[-1500:]}")
    times = [float(end) - float(begin) for end, begin in re.findall(r"^took (\S+) (\S+)$", again, re.MULTILINE)]
    measured.figures[ROLE] = Figures(tuple(times), 0)


def _limit(settings: Settings, measured: Measured, folder: pathlib.Path) -> None:
    """A process for each host: what they have in common is the repository alone."""
    hosts = settings.scaled(_HOSTS)
    context = multiprocessing.get_context("fork")
    most = left = 0

    def start() -> Run:
        nonlocal most, left
        place = throwaway.Folder("bench-limit", base_dir=str(folder))
        log = folder / "log"
        log.write_bytes(b"")
        began = time.perf_counter()
        processes = [context.Process(target=_one_run, args=(place.path, log)) for _number in range(hosts)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(900)
        seconds = time.perf_counter() - began
        for process in processes:
            if process.is_alive():
                process.kill()
        at_once, done = _counted(log)
        most, left = max(most, at_once), max(left, hosts - done)
        parts = {"at once": seconds, "not done": seconds}
        place.remove()
        return Run(seconds, 0, "", parts=parts)

    figures = settings.figures([Contestant(LIMIT, start)], rounds=1, warm_up=False)
    figures[AT_ONCE] = _count(figures[AT_ONCE], most)
    figures[LEFT] = _count(figures[LEFT], left)
    measured.figures |= figures
    measured.remarks.append(f"Limit: {hosts} processes, {_PLACES} places, each at work for {_RUN_SECONDS} s.")


def _count(figures: Figures, number: int) -> Figures:
    return dataclasses.replace(figures, work=float(number))


def _one_run(root: str, log: pathlib.Path) -> None:
    (repository,) = open_repositories([{"path": root}])
    with RunLimit(repository, _PLACES, poll_seconds=0.5).place(Deadline(800)):
        _append(log, "begin")
        time.sleep(_RUN_SECONDS)
        _append(log, "end")


def _append(log: pathlib.Path, word: str) -> None:
    line = f"{time.monotonic()} {word}\n".encode()
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    with contextlib.closing(os.fdopen(descriptor, "wb", buffering=0)) as file:
        file.write(line)


def _counted(log: pathlib.Path) -> tuple[int, int]:
    """How many were at work at the same time at most, and how many have ended."""
    now = most = done = 0
    for line in sorted(log.read_text(encoding="ascii").splitlines(), key=lambda line: float(line.split()[0])):
        now += 1 if line.endswith("begin") else -1
        done += line.endswith("end")
        most = max(most, now)
    return most, done


def _environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8",
        "PYTHONPATH": f"{_ROOT}:{_ROOT / '.ansible' / 'collections'}",
    }  # fmt: skip


_PARTS: t.Mapping[str, t.Callable[[Settings, Measured, pathlib.Path], None]] = {
    "status": _status,
    "retention": _retention,
    "young": _young,
    "role": _role,
    "limit": _limit,
}
