# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JetStream: ``jetstream_snapshot`` against the ``nats`` command line, on real servers on loopback, and the check of
archives alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import sys
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _highwayhash

from tests.bench.growth import Growth
from tests.bench.measure import Contestant, MeasureError, Run, run, run_module
from tests.bench.suite import Measured, Settings
from tests.bench.table import Row
from tests.lab import natscli, throwaway
from tests.lab.delayproxy import DelayProxy
from tests.lab.nats import VERSIONS, NatsServer
from tests.lab.natsfiller import Filler

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_SERVERS = ("2.14", "2.15")
_ROUND_TRIP = 0.020
_STORED = "until all is stored"

_STREAM, _LATE, _SMALL, _LARGE = "BENCH", "LATE", "SMALL", "LARGE"
_MESSAGE, _SMALL_MESSAGE = 4096, 130
_STREAM_BYTES, _LATE_BYTES, _LARGE_BYTES = 1_000_000_000, 100_000_000, 10_000_000_000
_SMALL_COUNT = 600_000
_ACCOUNT_STREAMS = 16


def _name(what: str, server: str) -> str:
    return f"{what} ({server})"


BACKUP, CLI_BACKUP = "jetstream_snapshot, backup", "nats stream backup"
RESTORE, CLI_RESTORE = "jetstream_snapshot, restore", "nats stream restore"
FAR, CLI_FAR = "jetstream_snapshot, restore of 100 MB at 20 ms", "nats stream restore of 100 MB at 20 ms"
FAR_LONG = "jetstream_snapshot, restore of 1 GB at 20 ms"
ACCOUNT, CLI_ACCOUNT = "jetstream_snapshot, 16 streams", "nats account backup, 16 streams"
VERIFY_1, VERIFY_2 = "verification, one process", "verification, two processes"
LARGE = "jetstream_snapshot, 10 GB"

ROWS = (
    *(
        Row(
            "far",
            f"restore of {size} at 20 ms, server {server}",
            "faster",
            (_name(ours, server),),
            _name(CLI_FAR, server),
            wanted,
            "MB",
        )
        for server, at_least in zip(_SERVERS, (60, 40), strict=True)
        for size, ours, wanted in (
            ("1 GB", FAR_LONG, at_least),
            ("100 MB", FAR, 20),
        )  # 20 is our own: half of that is the start
    ),
    *(
        Row(
            "save",
            f"backup, {what}, server {server}",
            "faster",
            (_name(BACKUP, server) + part,),
            _name(CLI_BACKUP, server),
            1.0,
        )
        for server in _SERVERS
        for what, part in (("all stored", f", {_STORED}"), ("all checked", ""))
    ),
    *(
        Row(
            "load",
            f"encrypted backup to server {server}",
            "faster",
            (_name(RESTORE, server),),
            _name(CLI_RESTORE, server),
            1.3,
        )
        for server in _SERVERS
    ),
    Row("account", "backup of 16 streams", "faster", (ACCOUNT,), CLI_ACCOUNT, 1.3),
    Row("verify", "verification, one process", "rate", (VERIFY_1,), "", 100_000, "messages"),
    Row("verify", "verification, two processes", "faster", (VERIFY_2,), VERIFY_1, 1.7, "messages"),
    Row("large", "peak memory, stream of 10 GB", "megabytes", (LARGE,), "", 200),
)
_ENGINES = {
    "highwayhash": "The hashes of records are computed with the compiled library (requirements-compiled.txt).",
    "numpy": "The hashes of records are computed with numpy: the compiled library "
    "(requirements-compiled.txt) is not here.",
    "python": "The hashes of records are computed in Python: neither the compiled library nor numpy is here.",
}
_NEED_CLI = ("far", "save", "load", "account")


def measure(settings: Settings) -> Measured:
    """All rows with these keys."""
    keys = set(settings.keys)
    measured = Measured(ROWS)
    program = natscli.find_or_build() if keys & set(_NEED_CLI) else None
    if program is None and keys & set(_NEED_CLI):
        measured.rows = tuple(row for row in ROWS if row.key not in _NEED_CLI)
        measured.remarks.append(
            f"The nats command line {natscli.VERSION} is not here, so the rows that need it are left out."
        )
        keys -= set(_NEED_CLI)
    measured.remarks.append(_ENGINES[_highwayhash.engine()])
    with _folder() as folder:
        if keys & {"far", "save", "load"}:
            for server in _SERVERS:
                _measure_one_stream(settings, measured, keys, _Place(folder / server, program), server)
        if "account" in keys:
            _measure_account(settings, measured, _Place(folder / "account", program))
        if "verify" in keys:
            _measure_verification(settings, measured, _Place(folder / "verify", program))
        if "large" in keys:
            _measure_large(settings, measured, _Place(folder / "large", program))
    return measured


@contextlib.contextmanager
def _folder() -> t.Iterator[pathlib.Path]:
    folder = throwaway.Folder("bench-nats")
    try:
        yield pathlib.Path(folder.path)
    finally:
        folder.remove()


def _measure_one_stream(settings: Settings, measured: Measured, keys: set[str], place: _Place, version: str) -> None:
    count, late = (settings.scaled(size / _MESSAGE) for size in (_STREAM_BYTES, _LATE_BYTES))
    with NatsServer(version) as server, Filler(server.port) as filler:
        settings.say(f"NATS server {server.version}: a stream of {count * _MESSAGE / 1e6:,.0f} MB ...")
        measured.remarks.append(
            f"NATS server {server.version}: {count:,} messages of {_MESSAGE} random bytes; {late:,} of them at 20 ms."
        )
        streams = _Streams(place, server, filler)
        filler.make(_STREAM, count, _MESSAGE)
        if "save" in keys:
            names = (_name(CLI_BACKUP, version), _name(BACKUP, version))
            works = (lambda: streams.back_up_with_cli(_STREAM), lambda: streams.back_up(_STREAM))
            measured.figures |= settings.figures(list(map(Contestant, names, works)))
        streams.keep(_STREAM)
        filler.delete(_STREAM)
        if "load" in keys:
            names = (_name(CLI_RESTORE, version), _name(RESTORE, version))
            measured.figures |= settings.figures(
                list(map(Contestant, names, streams.restores(_STREAM, server.port, count)))
            )
        if "far" in keys:
            filler.make(_LATE, late, _MESSAGE)
            streams.keep(_LATE)
            filler.delete(_LATE)
            _measure_far(settings, measured, streams, (version, server.port), count, late)


def _measure_far(
    settings: Settings, measured: Measured, streams: _Streams, server: tuple[str, int], count: int, late: int
) -> None:
    """The command line waits for a round trip with every 64 KiB, so its rate is the same for any size: it has the
    smaller stream.
    """
    version, port = server
    with DelayProxy(port, _ROUND_TRIP) as proxy:
        by_cli, by_module = streams.restores(_LATE, proxy.port, late)
        long_by_module = streams.restores(_STREAM, proxy.port, count)[1]
        # the warm-up. The command line needs none: it takes more than half a minute each time, which does not vary
        long_by_module()
        works = [
            Contestant(_name(CLI_FAR, version), by_cli),
            Contestant(_name(FAR, version), by_module),
            Contestant(_name(FAR_LONG, version), long_by_module),
        ]
        measured.figures |= settings.figures(works, rounds=min(2, settings.rounds), warm_up=False)


def _measure_account(settings: Settings, measured: Measured, place: _Place) -> None:
    count = settings.scaled(_STREAM_BYTES / _ACCOUNT_STREAMS / _MESSAGE)
    with NatsServer(_SERVERS[0]) as server, Filler(server.port) as filler:
        settings.say(f"NATS server {server.version}: {_ACCOUNT_STREAMS} streams ...")
        for number in range(_ACCOUNT_STREAMS):
            filler.make(f"S{number:02d}", count, _MESSAGE)
        streams = _Streams(place, server, filler)
        works = (streams.back_up_account_with_cli, lambda: streams.back_up(""))
        measured.figures |= settings.figures(list(map(Contestant, (CLI_ACCOUNT, ACCOUNT), works)))
    measured.remarks.append(f"16 streams of {count:,} messages of {_MESSAGE} bytes on server {VERSIONS[_SERVERS[0]]}.")


def _measure_verification(settings: Settings, measured: Measured, place: _Place) -> None:
    count = settings.scaled(_SMALL_COUNT)
    with NatsServer(_SERVERS[0]) as server, Filler(server.port) as filler:
        settings.say(f"NATS server {server.version}: {count:,} messages of {_SMALL_MESSAGE} bytes ...")
        filler.make(_SMALL, count, _SMALL_MESSAGE, text=True)
        archive = _Streams(place, server, filler).keep_in_plain(_SMALL)
    works = (functools.partial(place.verify, archive, processes, count) for processes in (1, 2))
    measured.figures |= settings.figures(list(map(Contestant, (VERIFY_1, VERIFY_2), works)))
    measured.remarks.append(
        f"Verification: {count:,} messages of {_SMALL_MESSAGE} bytes of JSON, of server {VERSIONS[_SERVERS[0]]}."
    )


def _measure_large(settings: Settings, measured: Measured, place: _Place) -> None:
    count = settings.scaled(_LARGE_BYTES / _MESSAGE)
    if shutil.disk_usage(place.folder).free < 3 * count * _MESSAGE:
        measured.rows = tuple(row for row in measured.rows if row.key != "large")
        measured.remarks.append(
            "There is no room for a stream of 10 GB, its snapshot, and what waits to be checked: this row is left out."
        )
        return
    with NatsServer(_SERVERS[0]) as server, Filler(server.port) as filler:
        settings.say(f"NATS server {server.version}: a stream of {count * _MESSAGE / 1e6:,.0f} MB ...")
        filler.make(_LARGE, count, _MESSAGE)
        streams = _Streams(place, server, filler)
        works = [Contestant(LARGE, lambda: streams.back_up(_LARGE, family=True))]
        measured.figures |= settings.figures(works, rounds=1, warm_up=False)
    measured.remarks.append(
        f"Memory: {count:,} messages of {_MESSAGE} random bytes; the processes that check the archive count, too."
    )


class _Place:
    """A folder, the keys, and the programs that are measured in it."""

    def __init__(self, folder: pathlib.Path, cli: pathlib.Path | None) -> None:
        import pyrage

        folder.mkdir(mode=0o700)
        self.folder = folder
        self.cli = str(cli)
        keys = [pyrage.x25519.Identity.generate() for _turn in range(2)]
        self._recipients = [str(key.to_public()) for key in keys]
        self.identity = folder / "operations.key"
        self.identity.touch(0o600)
        self.identity.write_text(f"{keys[0]}\n", encoding="ascii")
        self.environment = throwaway.base_environment(
            {
                "PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / ".ansible" / "collections")]),
                "HOME": str(folder),
                "LC_ALL": "C.UTF-8",
            }
        )

    def arguments(self, port: int, repository: pathlib.Path, **options: t.Any) -> dict[str, t.Any]:
        """Of the module, either state."""
        return {
            "app": "bench",
            "component": "bench",
            "url": f"nats://127.0.0.1:{port}",
            "repositories": [{"path": str(repository)}],
            "state_dir": str(self.folder / "state"),
            **options,
        }

    @property
    def encryption(self) -> dict[str, t.Any]:
        """For a backup."""
        return {"engine": "age", "recipients": self._recipients}

    def verify(self, archive: pathlib.Path, processes: int, count: int) -> Run:
        """Read it to its end, as the modules do."""
        command = [sys.executable, "-m", "tests.bench.inspect_archive", str(archive), _SMALL, str(processes)]
        done = run(command, self.environment)
        if int(done.output) != count:
            raise MeasureError(f"{done.output} of {count} messages were verified.")
        return _with_work(done, count)


class _Streams:
    """What is done with the streams of one server, by the module and by the command line."""

    def __init__(self, place: _Place, server: NatsServer, filler: Filler) -> None:
        self._place = place
        self._server = server
        self._filler = filler

    # backups

    def back_up_with_cli(self, stream: str) -> Run:
        """One stream."""
        return self._cli_backup("stream", "backup", stream, "--no-progress")

    def back_up_account_with_cli(self) -> Run:
        """All streams."""
        return self._cli_backup("account", "backup", "--force")

    def _cli_backup(self, *arguments: str) -> Run:
        target = self._place.folder / "turn"
        os.sync()
        try:
            return self._cli(self._server.port, *arguments, str(target))
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def back_up(self, stream: str, *, family: bool = False) -> Run:
        """One stream, or all for an empty name, with age, SHA-256 and fsync."""
        repository = self._place.folder / "turn"
        options = {"encryption": self._place.encryption, "streams": [stream] if stream else []}
        os.sync()  # nobody pays for what another has left to be written
        try:
            with Growth(repository) as growth:
                done = run_module(
                    "jetstream_snapshot",
                    self._place.arguments(self._server.port, repository, **options),
                    self._place.environment,
                    family=family,
                )
            return dataclasses.replace(done, parts={_STORED: growth.full_after()})
        finally:
            shutil.rmtree(repository, ignore_errors=True)

    # restores

    def keep(self, stream: str) -> None:
        """Make what the restores read: a backup of ours, encrypted, and one of the command line, in plain sight."""
        options = {"encryption": self._place.encryption, "streams": [stream]}
        run_module(
            "jetstream_snapshot",
            self._place.arguments(self._server.port, self._ours(stream), **options),
            self._place.environment,
        )
        self._cli(self._server.port, "stream", "backup", stream, str(self._theirs(stream)), "--no-progress")

    def keep_in_plain(self, stream: str) -> pathlib.Path:
        """The archive of a stream."""
        arguments = self._place.arguments(
            self._server.port, self._ours(stream), streams=[stream], encryption={"engine": "none"}
        )
        run_module("jetstream_snapshot", arguments, self._place.environment)
        (archive,) = self._ours(stream).rglob("stream.tar.s2")
        return archive

    def restores(self, stream: str, port: int, count: int) -> tuple[t.Callable[[], Run], t.Callable[[], Run]]:
        """By the command line, and by the module."""
        arguments = self._place.arguments(
            port,
            self._ours(stream),
            state="restored",
            backup="newest",
            encryption={"identity_file": str(self._place.identity)},
        )
        return (
            lambda: self._restore(
                stream, count, lambda: self._cli(port, "stream", "restore", str(self._theirs(stream)), "--no-progress")
            ),
            lambda: self._restore(
                stream, count, lambda: run_module("jetstream_snapshot", arguments, self._place.environment)
            ),
        )

    def _restore(self, stream: str, count: int, work: t.Callable[[], Run]) -> Run:
        os.sync()
        done = work()
        if self._filler.messages(stream) != count:
            raise MeasureError(f"{self._filler.messages(stream)} of {count} messages were restored.")
        self._filler.delete(stream)
        return _with_work(done, count * _MESSAGE / 1e6)

    # both

    def _ours(self, stream: str) -> pathlib.Path:
        return self._place.folder / f"{stream}.ours"

    def _theirs(self, stream: str) -> pathlib.Path:
        return self._place.folder / f"{stream}.theirs"

    def _cli(self, port: int, *arguments: str) -> Run:
        command = [self._place.cli, "--server", f"nats://127.0.0.1:{port}", *arguments]
        return run(command, self._place.environment)


def _with_work(done: Run, work: float) -> Run:
    return dataclasses.replace(done, work=work)
