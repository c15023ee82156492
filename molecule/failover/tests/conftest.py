# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the load has been told, and what a region has."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import shlex
import typing as t

import pytest
import testinfra

LEDGER = "/var/lib/lifeboat-ledger"


class World:
    """All three hosts."""

    @staticmethod
    def run(host: str, command: str) -> str:
        """What a command prints there; it must succeed."""
        done = testinfra.get_host(f"docker://lifeboat-failover-{host}").run(f"bash -c {shlex.quote(command)}")
        assert done.rc == 0, f"{host}: {command}: {done.stderr or done.stdout}"
        return str(done.stdout)

    @staticmethod
    def fails(host: str, command: str) -> bool:
        """Whether a command fails there."""
        return testinfra.get_host(f"docker://lifeboat-failover-{host}").run(command).rc != 0

    def acknowledged(self, name: str = "orders") -> list[dict[str, t.Any]]:
        """What was acknowledged to the load. Its last line may not be whole: it is still writing."""
        lines = self.run("witness", f"cat /var/lib/load/{name}.jsonl").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def stored(self, region: str) -> dict[str, set[int]]:
        """What each store of a region has."""
        env = "set -a; . /etc/shop/shop.env; . /etc/shop/bucket.env; HOME=/root"
        said = self.run(region, f"{env} /opt/lifeboat/venv/bin/python /usr/local/lib/shop.py look")
        return {name: set(numbers) for name, numbers in json.loads(said).items()}

    def reports(self) -> list[dict[str, t.Any]]:
        """Every report, the oldest first."""
        names = self.run("ams", f"ls {LEDGER}/reports/*.json").split()
        return [json.loads(self.run("ams", f"cat {shlex.quote(name)}")) for name in names]

    def nothing_is_lost(self, region: str) -> None:
        """Whatever was acknowledged until now, each store of this region has it."""
        orders = {order["n"] for order in self.acknowledged()}
        beats = {beat["n"] for beat in self.acknowledged("beats")}
        stored = self.stored(region)
        for name in ("database", "stream", "bucket", "cache"):
            assert orders <= stored[name], (name, sorted(orders - stored[name])[:10])
        assert beats <= stored["beats"], sorted(beats - stored["beats"])[:10]

    def measure(self, name: str, report: dict[str, t.Any]) -> dict[str, t.Any]:
        """How long writes were refused, and how long the run took; kept beside the other reports."""
        last = {"fra": "ams", "ams": "fra"}[report["target"]]
        orders = self.acknowledged()
        moved = max(at for at, order in enumerate(orders) if order["region"] == last)
        found = {
            "region refused writes for s": round(orders[moved + 1]["at"] - orders[moved]["at"], 1),
            "database refused writes for s": round(self._pause("beats", orders[moved]["at"]), 1),
            "from the token to verified service in s": report["execution_seconds"],
            "steps in s": {step["name"]: step["seconds"] for step in report["steps"] if step["seconds"]},
        }
        folder = pathlib.Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "tests/output/failover"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="ascii")
        return found

    def _pause(self, name: str, about: float) -> float:
        """The longest pause between two acknowledged writes, of those that end after ``about``."""
        times = [entry["at"] for entry in self.acknowledged(name)]
        return max(after - before for before, after in itertools.pairwise(times) if after > about)


@pytest.fixture(scope="session")
def world() -> World:
    """All three hosts."""
    return World()
