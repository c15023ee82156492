# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Physical backups: a base backup and a recovery against PostgreSQL's own programs by hand, and the archiving of the
log against pgBackRest's asynchronous push, while pgbench writes as fast as it can.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import typing as t

from tests.bench.measure import Contestant, MeasureError, Run
from tests.bench.suite import Measured, Settings
from tests.bench.table import Row
from tests.integration.modules import result_of, start_module
from tests.integration.physical_place import ACCOUNT, PhysicalPlace
from tests.lab import dataset, throwaway
from tests.lab.postgres import PostgresCluster

_DATABASE = "bench"
_MEGABYTES = 1000  # of the cluster, and of the log that is recovered
_WRITING_SECONDS = 40
_LIMIT_SECONDS = 3600.0

BASE, BASE_BY_HAND = "pg_physical_backup", "pg_basebackup | zstd -1"
RECOVERY, RECOVERY_BY_HAND = "pg_physical_restore", "zstd | tar, and PostgreSQL's own recovery"
PUSH, PUSH_PEER = "lifeboat-wal under pgbench", "pgBackRest asynchronous under pgbench"
BEHIND, BEHIND_PEER = f"{PUSH}, behind", f"{PUSH_PEER}, behind"

ROWS = (
    Row("base", "base backup of a cluster of 1 GB", "faster", (BASE,), BASE_BY_HAND, 0.9),
    Row("pitr", "recovery of 1 GB with 1 GB of log", "time", (RECOVERY,), RECOVERY_BY_HAND, 1.2),
    Row("push", "log that is archived while pgbench writes", "faster", (PUSH,), PUSH_PEER, 0.9, "segments"),
    Row("behind", "most segments that wait meanwhile", "count", (BEHIND,), "", 2, "segments"),
)
_PUSHES = ("push", "behind")


def measure(settings: Settings) -> Measured:
    """All rows with these keys."""
    measured = Measured(ROWS)
    wanted = set(settings.keys)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="lifeboat-bench-", dir="/var/tmp"))
        )
        folder.chmod(0o777)
        if wanted & {"base", "pitr"}:
            measured.figures |= _by_hand(settings, wanted, folder, measured)
        if wanted & set(_PUSHES):
            if shutil.which("pgbackrest") is None or shutil.which("pgbench") is None:
                measured.remarks.append("NOT MEASURED: push, behind: pgbackrest and pgbench are not on this machine.")
            else:
                measured.figures |= _pushed(settings, folder, measured)
    return measured


def _by_hand(settings: Settings, wanted: set[str], folder: pathlib.Path, measured: Measured) -> dict[str, t.Any]:
    """Base backups and recoveries, of one cluster with its log."""
    figures: dict[str, t.Any] = {}
    megabytes = settings.scaled(_MEGABYTES)
    (folder / "hand").mkdir()
    with PostgresCluster(settings={"autovacuum": "off", "shared_buffers": "256MB"}) as cluster:
        place = PhysicalPlace(folder / "hand", encryption="none")
        place.archive_with(cluster)
        cluster.create_database(_DATABASE)
        settings.say(f"PostgreSQL: a cluster of {megabytes:,} MB ...")
        dataset.load_benchmark(cluster.dsn(_DATABASE), megabytes)
        cluster.execute("checkpoint")
        hand = _Hand(cluster, place, folder / "hand")
        if "base" in wanted:
            turns = [Contestant(BASE, hand.back_up), Contestant(BASE_BY_HAND, hand.back_up_by_hand)]
            figures |= settings.figures(turns)
        if "pitr" in wanted:
            settings.say(f"PostgreSQL: {megabytes:,} MB of log ...")
            hand.write_log(megabytes)
            figures |= settings.figures(
                [Contestant(RECOVERY, hand.recover), Contestant(RECOVERY_BY_HAND, hand.recover_by_hand)]
            )
        measured.remarks.append(
            f"PostgreSQL {cluster.value('SHOW server_version')}: {megabytes:,} MB, zstd 1, no encryption, one folder."
        )
    return figures


class _Hand:
    """One cluster, with our modules and with PostgreSQL's programs."""

    def __init__(self, cluster: PostgresCluster, place: PhysicalPlace, folder: pathlib.Path) -> None:
        self._cluster = cluster
        self._place = place
        self._folder = folder
        self._backup: dict[str, t.Any] = {}
        self._moment = ""  # the point in time of a recovery: after all of the log but its last commit

    def back_up(self) -> Run:
        """Without an age: each is a new one. Older ones are removed outside of the time."""
        for old in (self._place.repositories[0] / "shop").glob("cluster/*"):
            shutil.rmtree(old)
        run = _module("pg_physical_backup", self._place.backup_arguments(self._cluster, time_limit="1h"))
        self._backup = run[1]
        return run[0]

    def back_up_by_hand(self) -> Run:
        """What the module runs, into a file."""
        target = self._folder / "by-hand.tar.zst"
        return _shell(
            f"'{self._cluster.bin_dir}/pg_basebackup' --dbname='{self._cluster.dsn('postgres')}' --pgdata=- "
            f"--format=tar --wal-method=none --checkpoint=fast --no-password | zstd -1 -q -f -o '{target}' && "
            f"sync '{target}'"
        )

    def write_log(self, megabytes: int) -> None:
        """After a backup, so that a recovery reads all of it; and the same as plain files, for PostgreSQL alone."""
        self.back_up()
        self._cluster.execute("create table log (text text)", dbname=_DATABASE)
        row = "select repeat(md5(i::text), 32) from generate_series(1, 1000) i"  # 1 MB of log
        for _each in range(megabytes):
            self._cluster.execute(f"insert into log {row}", dbname=_DATABASE)
        self._moment = self._cluster.value("select clock_timestamp()").isoformat()
        self._cluster.execute("insert into log values ('too late')", dbname=_DATABASE)
        done = self._place.configure(self._cluster, time_limit="1h")
        if done.get("failed"):
            raise MeasureError(done["msg"])
        plain = self._folder / "plain"
        plain.mkdir()
        for name, path in self._place.archived().items():
            subprocess.run(["zstd", "-q", "-d", "-o", str(plain / name), str(path)], check=True)
            self._place.give(plain / name)

    def recover(self) -> Run:
        """To a moment at the end of the log."""
        given = self._place.restore_arguments(
            self._cluster, target_time=self._moment, action="promote", time_limit="1h"
        )
        try:
            return _module("pg_physical_restore", given, ACCOUNT)[0]
        finally:
            shutil.rmtree(given["data_dir"], ignore_errors=True)

    def recover_by_hand(self) -> Run:
        """The same backup, the same log, the same moment, the same last step: all of it durable."""
        (stored,) = (self._place.repositories[0] / "shop" / "cluster").glob("*/base.tar.zst")
        data = self._folder / "own" / "by-hand"
        data.mkdir(mode=0o700)
        self._place.give(data)
        server = (
            f"'{self._cluster.bin_dir}/postgres' -D '{data}' --listen_addresses= --unix_socket_directories='{data}' "
            f"--hot_standby=off --archive_mode=off --fsync=off --logging_collector=off "
            f"--config_file='{data}/none.conf' "
            f'--restore_command=\'cp "{self._folder}/plain/%f" "%p"\' --recovery_target_timeline=latest '
            f"--recovery_target_time='{self._moment}' --recovery_target_action=promote"
        )
        try:
            return _shell(
                f"set -e; zstd -q -d -c '{stored}' | tar -x -C '{data}'; "
                f"touch '{data}/recovery.signal' '{data}/none.conf'; rm -f '{data}.log'; "
                f"{server} 2>'{data}.log' & server=$!; "
                f"while ! grep -q 'ready to accept connections' '{data}.log'; do kill -0 $server; sleep 0.05; done; "
                f"kill -INT $server; wait $server; '{self._cluster.bin_dir}/initdb' --sync-only --pgdata='{data}'",
                ACCOUNT,
            )
        finally:
            shutil.rmtree(data, ignore_errors=True)


def _pushed(settings: Settings, folder: pathlib.Path, measured: Measured) -> dict[str, t.Any]:
    """Both ways to archive, by turns, each on a cluster of its own that pgbench writes to."""
    seconds = settings.scaled(_WRITING_SECONDS)
    behind: dict[str, list[int]] = {PUSH: [], PUSH_PEER: []}

    def turn(name: str) -> Run:
        with tempfile.TemporaryDirectory(prefix="turn-", dir=folder) as own:
            place = pathlib.Path(own)
            place.chmod(0o777)
            archive = _with_ours if name == PUSH else _with_backrest
            with PostgresCluster(hba=["local all postgres trust"], fsync=True) as cluster:
                archive(cluster, place)
                run, waited = _under_pgbench(cluster, seconds)
                behind[name].append(waited)
                return run

    figures = settings.figures(
        [Contestant(name, lambda name=name: turn(name)) for name in (PUSH, PUSH_PEER)], warm_up=False
    )
    for name, label in ((PUSH, BEHIND), (PUSH_PEER, BEHIND_PEER)):
        figures[label] = type(figures[name])((1.0,), 0, float(max(behind[name])))
    measured.remarks.append(
        f"pgbench, 4 clients for {seconds} s, durable, zstd. Segments that waited at most: {max(behind[PUSH])} of "
        f"lifeboat-wal, {max(behind[PUSH_PEER])} of pgBackRest."
    )
    return figures


def _with_ours(cluster: PostgresCluster, folder: pathlib.Path) -> None:
    PhysicalPlace(folder, encryption="none").archive_with(cluster)


def _with_backrest(cluster: PostgresCluster, folder: pathlib.Path) -> None:
    for name in ("own", "repo"):
        (folder / name).mkdir(mode=0o700)
        if ACCOUNT:
            shutil.chown(folder / name, ACCOUNT)
    given = {
        "stanza": "main", "pgbackrest_config": str(folder / "own" / "main.conf"), "dsn": cluster.dsn(),
        "pgbackrest_repositories": [{"path": str(folder / "repo")}], "compress_level": 1,
        "state_dir": str(folder / "own" / "state"),
    }  # fmt: skip
    _module("pgbackrest_stanza", given, ACCOUNT)
    cluster.restart()


def _under_pgbench(cluster: PostgresCluster, seconds: int) -> tuple[Run, int]:
    """How many segments were archived in which time, until the last one is; and how many waited at most."""
    _shell(f"'{cluster.bin_dir}/pgbench' -i -q -s 10 '{cluster.dsn()}'")
    cluster.execute("checkpoint")
    count = "select archived_count from pg_stat_archiver"
    ready = "select count(*) from pg_ls_archive_statusdir() where name like '%.ready'"
    before, most, over = int(cluster.value(count)), 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not over.wait(0.2):
            most = max(most, int(cluster.value(ready)))

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    began = time.perf_counter()
    try:
        _shell(f"'{cluster.bin_dir}/pgbench' -n -c 4 -j 2 -T {seconds} '{cluster.dsn()}'")
    finally:
        over.set()
        watch.join()
    last = cluster.value("select pg_walfile_name(pg_switch_wal())")
    while cluster.value("select coalesce(last_archived_wal, '') < %s from pg_stat_archiver", (last,)):
        if time.perf_counter() - began > seconds + _LIMIT_SECONDS:
            raise MeasureError(f"{last} was not archived within an hour.")
        time.sleep(0.05)
    took = time.perf_counter() - began
    return Run(took, 0, "", work=int(cluster.value(count)) - before), most


def _module(name: str, arguments: dict[str, t.Any], user: str | None = None) -> tuple[Run, dict[str, t.Any]]:
    """A module as Ansible starts it, as the account of the server where that is needed."""
    began = time.perf_counter()
    result = result_of(start_module(name, arguments, user=user), timeout=_LIMIT_SECONDS)
    took = time.perf_counter() - began
    if result.get("failed"):
        raise MeasureError(f"{name}: {result['msg']}")
    return Run(took, 0, ""), result


def _shell(script: str, user: str | None = None) -> Run:
    began = time.perf_counter()
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script],
        check=False, capture_output=True, text=True, cwd="/",
        env={**throwaway.base_environment(), "PATH": os.environ["PATH"]}, **throwaway.identity(user),
    )  # fmt: skip
    if done.returncode:
        raise MeasureError(f"{script.split()[0]} ended with {done.returncode}: {done.stderr[-600:]}")
    return Run(time.perf_counter() - began, 0, done.stdout)
