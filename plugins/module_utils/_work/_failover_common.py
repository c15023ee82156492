# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the modules of a failover share: the one repository of its ledger, and a line by this controller."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._ledger import (
    DRILLS,
    ROOT,
    Ledger,
    LedgerTakenError,
    Line,
    read_ledger,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._failover._steps import PASSED, outcome
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

LEDGER_SPEC: dict[str, dict[str, t.Any]] = {**REPOSITORY_SPEC, "app": {"type": "str", "required": True}}
"""The options that every module of a failover has."""
DRILLS_SPEC: dict[str, dict[str, t.Any]] = {**LEDGER_SPEC, "drill": {"type": "bool", "default": False}}
"""Those of modules that drills use, too. The documentation fragment ``lifeboat.dr.ledger`` describes them."""
_MOST_DRILLS = 100


def root_of(options: t.Mapping[str, t.Any]) -> str:
    """Which of the two ledgers is meant."""
    return DRILLS if options["drill"] else ROOT


def last_passed_drill(repository: Repository, app: str) -> Ledger | None:
    """The newest drill that passed, of the last hundred. A drill whose ledger is damaged proves nothing."""
    newest = read_ledger(repository, app, DRILLS).epoch
    for epoch in range(newest, max(0, newest - _MOST_DRILLS), -1):
        try:
            ledger = read_ledger(repository, app, DRILLS, epoch)
        except DamagedError:
            continue
        if ledger.lines and outcome(ledger) == PASSED:
            return ledger
    return None


def ledger_repository(options: t.Mapping[str, t.Any]) -> Repository:
    """The repository that holds the ledger. Raises OptionError unless there is exactly one."""
    if len(options["repositories"]) != 1:
        raise OptionError(
            f"repositories has {len(options['repositories'])} entries.",
            hint="A ledger has one place: name one repository, in the target region or in a third place.",
        )
    return open_repositories(options["repositories"])[0]


def utc_now() -> datetime.datetime:
    """Now, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def new_line(ledger: Ledger, writer: str, phase: str, step: str, facts: t.Mapping[str, t.Any], actor: str) -> Line:
    """A line of this run; ``append`` numbers it."""
    at = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return Line(0, at, ledger.run_id, writer, actor, phase, step, dict(facts))


def check_writer(ledger: Ledger, run_id: str, writer: str) -> None:
    """Raise unless this controller is the one that runs this run now."""
    if ledger.run_id != run_id:
        raise OptionError(
            f"run_id is {run_id}, and the newest run of {ledger.app} is {ledger.run_id or 'none'}.",
            hint="Look at failover_info. Nothing was written.",
        )
    if not ledger.is_open:
        raise OptionError(f"The run {run_id} is closed.", hint="Open a new one. Nothing was written.")
    if ledger.writer != writer:
        raise LedgerTakenError(
            f"Another controller has resumed the run {run_id}. This one stops here and does nothing more.",
            hint="Look at the ledger with failover_info to see who goes on.",
        )
