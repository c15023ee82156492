# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An old primary becomes a standby of the new one, on real servers: what only it has is counted and saved before."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import typing as t

from tests.integration.modules import result_of, run_module, start_module
from tests.integration.test_pg_standby import Pair, copied, empty_pair, pair
from tests.lab.faultproxy import FaultProxy
from tests.lab.postgres import PostgresCluster

__all__ = ["empty_pair", "pair"]  # the fixtures


class Rejoin:
    """The old primary (``pair.primary``), the new one (``pair.standby``), and the module that brings it back."""

    def __init__(self, both: Pair) -> None:
        self.pair = both
        self.old, self.new = both.primary, both.standby
        self.port = 0  # of a proxy before the new primary

    def arguments(self, **more: t.Any) -> dict[str, t.Any]:
        port = self.port or self.new.port
        primary = f"host=127.0.0.1 port={port} user=postgres dbname=postgres passfile={self.new.passfile()}"
        return {
            "state": "rejoined", "data_dir": str(self.old.data_dir), "slot": "eu_central", "primary": primary,
            "save_dir": str(self.new.folder / "saved"), "allow_vulnerable_client": True, **more,
        }  # fmt: skip

    def run(self, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
        return run_module("pg_standby", self.arguments(**more), check_mode=check_mode, user=self.new.account)

    def part(self) -> None:
        """The standby is promoted beside the old primary, and both take writes that the other does not have."""
        self.old.execute("create table orders as select n from generate_series(1, 1000) as n")
        self.pair.wait_for("streaming")
        promoted = self.pair.promote(primary=self.old.dsn(), unfenced_primary="a test of two histories")
        assert not promoted.get("failed"), promoted
        self.old.execute("insert into orders select n from generate_series(1001, 1500) as n")
        self.old.execute("delete from orders where n <= 10")
        self.new.execute("insert into orders select n from generate_series(5001, 5100) as n")

    def follows(self) -> None:
        """The old primary is started, and has what the new one has, also what comes now."""
        self.old.start()
        self.new.execute("insert into orders values (9999)")
        target = self.new.value("select pg_current_wal_lsn()::text")
        limit = time.monotonic() + 60
        while not self.old.value("select pg_last_wal_replay_lsn() >= %s::pg_lsn", (target,)):
            assert time.monotonic() < limit, self.old.log[-2000:]
            time.sleep(0.1)
        assert self.old.value("select pg_is_in_recovery()") is True
        sql = "select count(*), min(n), max(n), sum(n) from orders"
        assert self.old.execute(sql) == self.new.execute(sql)
        slots = self.new.execute("select slot_name::text, active from pg_replication_slots where active")
        assert ("eu_central", True) in slots


def test_an_old_primary_that_went_on_is_counted_saved_and_rewound(pair: Pair) -> None:  # noqa: F811
    rejoin = Rejoin(pair)
    rejoin.part()
    running = rejoin.run()
    assert running["failed"] and "The old primary still runs (process" in running["msg"]
    rejoin.old.kill()  # as a power cut would: it has to replay its own log before anything can be counted
    looked = rejoin.run(check_mode=True)
    assert (looked["changed"], looked["lost_bytes"]) == (True, None)
    assert "it was not shut down" in looked["not_counted_because"]
    settings = (rejoin.old.data_dir / "postgresql.auto.conf").read_text()
    progress_file = rejoin.new.folder / "progress"
    done = rejoin.run(progress_file=str(progress_file))
    assert not done.get("failed"), done["msg"]
    assert (done["changed"], done["method"], done["restart_required"]) == (True, "rewound", True)
    assert copied(progress_file)["title"] == str(rejoin.old.data_dir)
    assert done["lost_transactions"] == 2 and done["lost_bytes"] > 500
    assert done["lost_relations"] == {"postgres: public.orders": {"inserted": 500, "deleted": 10}}
    saved = pathlib.Path(done["saved"])
    assert saved.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in saved.rglob("*"))
    assert len([json.loads(line) for line in (saved / "transactions.jsonl").read_text().splitlines()]) == 2
    assert list((saved / "wal").iterdir())
    assert settings.rstrip("\n") in (rejoin.old.data_dir / "postgresql.auto.conf").read_text()
    rejoin.follows()
    again = rejoin.run()
    assert (again["changed"], again.get("failed")) == (False, None), again


def test_an_old_primary_that_was_shut_down_before_the_promotion_has_lost_nothing(pair: Pair) -> None:  # noqa: F811
    rejoin = Rejoin(pair)
    rejoin.old.execute("create table orders as select n from generate_series(1, 1000) as n")
    rejoin.old.stop()
    assert not pair.promote().get("failed")
    with PostgresCluster() as other:
        other.stop()
        strange = rejoin.run(data_dir=str(other.data_dir))
        assert strange["failed"] and "holds another system" in strange["msg"]
    done = rejoin.run()
    assert not done.get("failed"), done["msg"]
    assert (done["lost_bytes"], done["lost_transactions"], done["lost_relations"]) == (0, 0, {})
    rejoin.follows()


def test_a_rewind_that_cannot_be_or_breaks_off_leaves_nothing_that_starts(pair: Pair) -> None:  # noqa: F811
    rejoin = Rejoin(pair)
    rejoin.part()
    rejoin.old.execute("create table large as select n, repeat('x', 200) as t from generate_series(1, 20000) as n")
    rejoin.old.stop()
    wal = rejoin.old.data_dir / "pg_wal"
    hidden = rejoin.new.folder / "hidden"
    needed = sorted(path for path in wal.iterdir() if path.name.startswith("00000001") and path.suffix == "")[-1]
    shutil.move(needed, hidden)
    missing = rejoin.run()
    assert missing["failed"] and f"{needed.name} is not in" in missing["msg"]
    assert not list((rejoin.new.folder / "saved").iterdir())
    shutil.move(hidden, needed)
    process = stopped_in_the_middle(rejoin, signal.SIGTERM)
    stopped = result_of(process)
    assert stopped["failed"] and "it is neither old nor new" in stopped["msg"], stopped
    only_a_rebuild_goes_on(rejoin)


def test_a_rewind_that_is_killed_says_at_the_next_run_what_to_do(pair: Pair) -> None:  # noqa: F811
    rejoin = Rejoin(pair)
    rejoin.part()
    rejoin.old.execute("create table large as select n, repeat('x', 200) as t from generate_series(1, 20000) as n")
    rejoin.old.stop()
    process = stopped_in_the_middle(rejoin, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    saved = list((rejoin.new.folder / "saved").rglob("transactions.jsonl"))
    assert len(saved) == 1 and len(saved[0].read_text().splitlines()) == 3, "it was counted and saved before"
    only_a_rebuild_goes_on(rejoin)


def stopped_in_the_middle(rejoin: Rejoin, number: signal.Signals) -> subprocess.Popen[str]:
    """The module, which has got the signal while pg_rewind copies. SIGKILL is for pg_rewind, too."""
    with FaultProxy(rejoin.new.port, http=False) as proxy:
        rejoin.port = proxy.port
        proxy.slow_down(400_000)
        process = start_module("pg_standby", rejoin.arguments(), user=rejoin.new.account)
        rewinding = pathlib.Path(f"{rejoin.old.data_dir}.lifeboat-rewinding")
        limit = time.monotonic() + 60
        while not rewinding.exists() or proxy.bytes_down < 1_000_000:
            assert process.poll() is None and time.monotonic() < limit
            time.sleep(0.02)
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(process.pid, number)
        for child in children if number == signal.SIGKILL else []:
            os.kill(int(child), number)
        process.wait(60)
    rejoin.port = 0
    return process


def only_a_rebuild_goes_on(rejoin: Rejoin) -> None:
    """What is left does not start, and is set aside by a new base backup."""
    assert not rejoin.old.data_dir.exists()
    refused = rejoin.run()
    assert refused["failed"] and "was interrupted" in refused["msg"] and "rebuild: true" in refused["msg"]
    done = rejoin.run(rebuild=True)
    assert not done.get("failed"), done["msg"]
    assert done["method"] == "rebuilt" and pathlib.Path(done["set_aside"]).exists()
    with open(rejoin.old.data_dir / "postgresql.auto.conf", "a", encoding="utf-8") as file:
        file.write(f"unix_socket_directories = '{rejoin.old.folder}'\n")
    rejoin.follows()
