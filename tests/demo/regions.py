# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two regions on loopback, each with a PostgreSQL and a NATS server, and customers who order without pause."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import subprocess
import threading
import time
import types
import typing as t

import nats
import nats.aio.client
import nats.errors
import nats.js.errors
import psycopg2

from tests.lab import throwaway
from tests.lab.nats import NatsServer
from tests.lab.natswitness import Witness
from tests.lab.postgres import PostgresCluster
from tests.lab.standby import StandbyPlace
from tests.lab.throwaway import LabError

FROM, TO = "eu-central", "eu-west"
STREAM = "ORDERS"
_VERSION = "2.14"
_HERE = pathlib.Path(__file__).parent
_PATIENCE_SECONDS = 2
_PAUSE_SECONDS = 0.05


class Regions:
    """Use it as a context manager. ``folder`` is private: ledger and report are kept there."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._stack = contextlib.ExitStack()
        self.databases: dict[str, PostgresCluster] = {}
        self.streams: dict[str, NatsServer] = {}

    def __enter__(self) -> Regions:
        with contextlib.ExitStack() as stack:
            primary = stack.enter_context(PostgresCluster())
            standby = stack.enter_context(StandbyPlace(primary))
            self.databases = {FROM: primary, TO: standby}
            primary.execute("create table orders (n bigint primary key)")
            _follow(primary, standby)
            port = throwaway.free_port()
            for name, leaf in ((FROM, {"host": "127.0.0.1", "port": port}), (TO, _remote(port))):
                server = NatsServer(_VERSION, jetstream={"domain": name}, settings={"leafnodes": leaf})
                self.streams[name] = stack.enter_context(server)
            _wait_for(
                lambda: bool(self.streams[FROM].monitoring("/leafz").get("leafs")), "The leaf node has not joined."
            )
            with Witness(self.streams[FROM].url()) as witness:
                witness.ask(f"STREAM.CREATE.{STREAM}", {"name": STREAM, "subjects": ["orders.>"], "storage": "file"})
            self._stack = stack.pop_all()
        self.serving.write_text(FROM, encoding="ascii")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def serving(self) -> pathlib.Path:
        """Whoever asks it is led to the region that it names: what DNS is in real life."""
        return self.folder / "serving"

    def variables(self, reports: pathlib.Path, *, streams: bool = True) -> dict[str, t.Any]:
        """The plan, with streams or of the database alone, and what stands here for units of systemd and for DNS."""
        urls = {name: {"url": server.url()} for name, server in self.streams.items()}
        plan = {
            "app": "shop",
            "repositories": [{"path": str(self.folder / "regions")}],
            "components": [{"name": "orders", "engine": "postgresql", "objectives": {"rpo": "1m", "rto": "15m"}}],
            "regions": [{"name": name, "database": _place(server)} for name, server in self.databases.items()],
            "stores": [{"kind": "jetstream", "name": "events", "streams": [STREAM], "servers": urls}]
            if streams
            else [],
            "failover": {
                "component": "orders",
                "ledger": {"path": str(self.folder / "ledger")},
                "key_file": str(self.folder / "failover.key"),
                "report_dir": str(reports),
                "heartbeat_file": "",
            },
        }
        return {
            "lifeboat_hosts": "all",
            "lifeboat_plan": plan,
            "failover_accept": {"not_durable": "a server that is thrown away"},
            "failover_tasks": {name: str(_HERE / "plays/regions" / f"{name}.yml") for name in ("fence", "traffic")},
            "mirrored": {"url": urls[TO]["url"], "source": urls[FROM], "source_domain": FROM, "streams": [STREAM]},
        }

    def kept(self, name: str) -> tuple[set[int], set[int]]:
        """The orders that a region has: in its database, and in its stream."""
        rows = {int(number) for (number,) in self.databases[name].execute("select n from orders")}
        with Witness(self.streams[name].url()) as witness:
            info = witness.ask(f"STREAM.INFO.{STREAM}", {"subjects_filter": ">"})
        return rows, {int(subject.split(".")[1]) for subject in info["state"].get("subjects") or {}}


class Customers(threading.Thread):
    """They order in the region that serves, and keep what was acknowledged there. A context manager."""

    def __init__(self, regions: Regions, *, streams: bool = True) -> None:
        super().__init__(name="customers", daemon=True)
        self.acknowledged: dict[int, float] = {}
        self._regions = regions
        self._streams = streams
        self._ended = threading.Event()

    def __enter__(self) -> Customers:
        self.start()
        return self

    def __exit__(self, *_of_the_error: object) -> None:
        self._ended.set()
        self.join(30)

    @property
    def longest_pause(self) -> float:
        """For how many seconds nothing was acknowledged, at most."""
        times = list(self.acknowledged.values())
        return max(after - before for before, after in zip(times, times[1:], strict=False))

    def wait_for(self, more: int) -> None:
        """Until so many more orders were acknowledged."""
        wanted = len(self.acknowledged) + more
        _wait_for(lambda: len(self.acknowledged) >= wanted, "No order is acknowledged any more.")

    def run(self) -> None:
        """Until it is ended."""
        asyncio.run(self._order_on())

    async def _order_on(self) -> None:
        number = 0
        while not self._ended.is_set():
            region = self._regions.serving.read_text(encoding="ascii")
            if region not in self._regions.databases:  # it is being written
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            with contextlib.suppress(psycopg2.Error, nats.errors.Error, nats.js.errors.Error, OSError):
                async with _Region(self._regions, region) as place:
                    while not self._ended.is_set() and self._regions.serving.read_text(encoding="ascii") == region:
                        number += 1  # one that nobody has acknowledged is not sent again
                        await place.order(number, self._streams)
                        self.acknowledged[number] = time.monotonic()
                        await asyncio.sleep(_PAUSE_SECONDS)
            await asyncio.sleep(_PAUSE_SECONDS)


async def _ignore(_error: Exception) -> None:
    """A server is stopped on purpose; nats-py would write that to the terminal, with a trace."""


class _Region:
    """The connections to one region."""

    def __init__(self, regions: Regions, name: str) -> None:
        self._database = regions.databases[name]
        self._url = regions.streams[name].url()

    async def __aenter__(self) -> _Region:
        self._connection = self._database.connect(connect_timeout=_PATIENCE_SECONDS)
        self._client: nats.aio.client.Client = await nats.connect(
            self._url, allow_reconnect=False, connect_timeout=_PATIENCE_SECONDS, error_cb=_ignore
        )
        return self

    async def __aexit__(self, *_of_the_error: object) -> None:
        self._connection.close()
        await self._client.close()

    async def order(self, number: int, streams: bool) -> None:
        """The database, and with ``streams`` the stream, have acknowledged it when this returns."""
        with self._connection.cursor() as cursor:
            cursor.execute("insert into orders values (%s)", (number,))
        if streams:
            await self._client.jetstream().publish(f"orders.{number}", b"%d" % number, timeout=_PATIENCE_SECONDS)


def _wait_for(condition: t.Callable[[], bool], otherwise: str) -> None:
    limit = time.monotonic() + 60
    while not condition():
        if time.monotonic() > limit:
            raise LabError(otherwise)
        time.sleep(_PAUSE_SECONDS)


def _follow(primary: PostgresCluster, standby: StandbyPlace) -> None:
    """Make the standby with PostgreSQL's own program, and start it."""
    where = f"host=127.0.0.1 port={primary.port} user={primary.user} passfile={standby.passfile()}"
    command = [str(primary.bin_dir / "pg_basebackup"), "--pgdata", str(standby.data_dir), "--dbname", where]
    command += ["--write-recovery-conf", "--create-slot", "--slot", "standby", "--checkpoint", "fast", "--no-sync"]
    identity = throwaway.identity(standby.account)
    environment = throwaway.base_environment()
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=standby.folder, env=environment, **identity
    )
    if done.returncode:
        raise LabError(f"pg_basebackup failed: {done.stderr.strip()}")
    standby.start()


def _remote(port: int) -> dict[str, t.Any]:
    return {"reconnect": "100ms", "remotes": [{"url": f"nats://127.0.0.1:{port}"}]}


def _place(server: PostgresCluster) -> dict[str, t.Any]:
    return {
        "dsn": server.dsn(),
        "address": "127.0.0.1",
        "port": server.port,
        "data_dir": str(server.data_dir),
        "bin_dir": str(server.bin_dir),
    }
