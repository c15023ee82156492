# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controllers that run a failover by the modules that the role uses, a ledger that may end them, and their clock."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover import _ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import read_ledger
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import (
    steps_of,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _failover_run, _failover_step

from tests.unit.mock_repository import MockRepository

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

OPTIONAL = ("return_point", "protect", "unfreeze")
NOW = datetime.datetime(2026, 11, 30, 3, tzinfo=datetime.UTC)


class KilledError(BaseException):
    """The controller dies: by kill -9, or by Ctrl-C, which leaves the ledger as it is as well."""


class MortalRepository(MockRepository):
    """The ledger's repository. The controller dies before, or right after, the line ``dies_at``."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_at = -1
        self.after = False
        self.lines = 0

    def write_if_absent(self, path: str, content: bytes) -> bool:
        if self.lines == self.dies_at and not self.after:
            raise KilledError
        written = super().write_if_absent(path, content)
        if self.lines == self.dies_at:
            raise KilledError
        self.lines += 1
        return written


class MockModule:
    """The part of AnsibleModule that the modules use."""

    def __init__(self, check_mode: bool = False, **params: t.Any) -> None:
        self.params = params
        self.check_mode = check_mode


class Clock:
    """What time the controller believes it is."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime.datetime:
        self.now += datetime.timedelta(seconds=1)
        return self.now


class Controller:
    """Does what roles/failover/tasks/main.yml and step.yml do. ``effects`` is what has reached the world."""

    def __init__(
        self, repository: MortalRepository, effects: list[str], mode: str, configured: t.Collection[str]
    ) -> None:
        self.effects = effects
        self.broken: set[str] = set()
        self._repository = repository
        self._mode = mode
        self._empty = [step.name for step in steps_of(mode) if step.name not in configured]
        self._common = {"repositories": [{}], "app": "shop", "drill": mode == "drill", "actor": "me", "facts": {}}

    def run(self, takeover: bool = True) -> None:
        ledger = read_ledger(self._repository, "shop", _ledger.DRILLS if self._mode == "drill" else _ledger.ROOT)
        options: dict[str, t.Any] = {**self._common, "state": "opened", "run_id": None, "mode": self._mode}
        options.update(takeover=takeover, cooldown="0s", again_because=None, writer=None, promoted_epoch=0)
        if ledger.is_open and self._mode != "drill":  # a drill is begun anew: what a killed one has left is removed
            options.update(state="resumed", run_id=ledger.run_id, mode=None)
        opened = _failover_run.work(t.cast("AnsibleModule", MockModule(**options)))
        run = {"run_id": opened["run_id"], "writer": opened["writer"]}
        now = self._step(run, opened["steps"][0], "begun")
        for name in opened["steps"]:
            if now["step"] != name:
                continue
            if now["action"] == "halt":
                raise LifeboatError(now["why"])
            assert now["action"] in ("run", "observe")
            now = self._step(run, name, self._take(name, now["action"]))
            if name in self.broken and name not in OPTIONAL:
                raise LifeboatError(f"the step {name} failed")
        closed = {**options, **run, "state": "closed", "mode": None}
        _failover_run.work(t.cast("AnsibleModule", MockModule(**closed)))

    def _take(self, name: str, action: str) -> str:
        if name in self.broken:
            return "failed"
        if action == "run" or name not in self.effects:  # an observation sees what is there
            self.effects.append(name)
        return "done"

    def _step(self, run: dict[str, str], name: str, state: str) -> dict[str, t.Any]:
        options = {**self._common, **run, "step": name, "state": state, "go_on": True, "empty": self._empty}
        return _failover_step.work(t.cast("AnsibleModule", MockModule(**options)))


def use(repository: MortalRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_failover_run, _failover_step):
        monkeypatch.setattr(module, "ledger_repository", lambda _options: repository)


def whole(mode: str) -> list[str]:
    return [step.name for step in steps_of(mode)]


class Afterwards:
    """Does what roles/failover/tasks/afterwards.yml does."""

    def __init__(self, repository: MortalRepository) -> None:
        self.repository = repository
        self._common = {"repositories": [{}], "app": "shop", "drill": False, "actor": "me"}

    def open(self, takeover: bool = False) -> dict[str, t.Any]:
        options = {**self._common, "state": "reopened", "facts": {}, "takeover": takeover, "cooldown": "1h"}
        options |= {"mode": None, "run_id": None, "writer": None, "again_because": None}
        return _failover_run.work(t.cast("AnsibleModule", MockModule(**options)))

    def step(self, run: dict[str, t.Any], name: str, state: str, **facts: t.Any) -> str:
        options = {**self._common, "run_id": run["run_id"], "writer": run["writer"], "step": name, "state": state}
        options |= {"facts": facts, "go_on": False, "empty": []}
        return str(_failover_step.work(t.cast("AnsibleModule", MockModule(**options)))["action"])

    def close(self, run: dict[str, t.Any]) -> None:
        options = {**self._common, "state": "closed", "facts": {}, "takeover": False, "cooldown": "1h"}
        options |= {"mode": None, "run_id": run["run_id"], "writer": run["writer"], "again_because": None}
        _failover_run.work(t.cast("AnsibleModule", MockModule(**options)))

    @property
    def ledger(self) -> _ledger.Ledger:
        return read_ledger(self.repository, "shop")
