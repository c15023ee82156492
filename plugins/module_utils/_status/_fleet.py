# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The status of many hosts, joined from what ``backup_status`` returned on each. Pure."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError
from ansible_collections.lifeboat.dr.plugins.module_utils._status._databases import (
    Database,
    database_from,
    to_plain,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import (
    STATES,
    UNKNOWN,
    Certificate,
    Status,
    worst,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._result import (
    certificate_from,
    certificate_result,
    from_result,
    to_result,
)

SCHEMA = "lifeboat.status/1"


# The next step where a host gave no status: why it gave none is what Ansible says.
SILENT_NEXT = "Make the host reachable, or set it up with lifeboat.dr.backup_install, and look again."


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository as one host sees it."""

    host: str
    name: str
    reached: bool
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Fleet:
    """Everything that is known of some hosts. ``silent`` are those that gave no status, with the reason: what they hold
    is not known.
    """

    checked_at: str
    hosts: tuple[str, ...]
    statuses: tuple[Status, ...]
    repositories: tuple[Repository, ...] = ()
    silent: tuple[tuple[str, str], ...] = ()
    certificates: tuple[Certificate, ...] = ()
    databases: tuple[Database, ...] = ()

    @property
    def state(self) -> str:
        """The worst state, that of a silent host being unknown."""
        return worst(
            [
                *(status.state for status in self.statuses),
                *(one.state for one in self.certificates),
                *(UNKNOWN for _host in self.silent),
            ]
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many components are in each state."""
        return {state: sum(status.state == state for status in self.statuses) for state in STATES}


def join(results: t.Mapping[str, t.Any], checked_at: str) -> Fleet:
    """The fleet of these hosts; a result that is no status makes its host a silent one."""
    statuses: list[Status] = []
    repositories: list[Repository] = []
    silent: list[tuple[str, str]] = []
    certificates: list[Certificate] = []
    databases: list[Database] = []
    for host in sorted(results):
        result = results[host]
        try:
            if not isinstance(result, t.Mapping) or not isinstance(result.get("components"), list):
                raise RecordError(_why(result))
            own = [from_result(one, host) for one in result["components"]]
            shown = [certificate_from(one, host) for one in result.get("certificates") or []]
            if not own:
                raise RecordError("it shows no component: nothing is named, and nothing was found")
        except RecordError as error:
            silent.append((host, str(error)))
            continue
        statuses += own
        looks = result.get("databases")
        databases += [
            database_from(one.get("health"), str(one.get("component")), host)
            for one in (looks if isinstance(looks, list) else [])
            if isinstance(one, t.Mapping)
        ]
        certificates += shown
        repositories += [
            Repository(host, str(one["name"]), bool(one["reached"]), str(one["why"]))
            for one in result.get("repositories") or []
        ]
    return Fleet(
        checked_at,
        tuple(sorted(results)),
        tuple(statuses),
        tuple(repositories),
        tuple(silent),
        tuple(certificates),
        tuple(databases),
    )


def _why(result: t.Any) -> str:
    said = result.get("msg") if isinstance(result, t.Mapping) else None
    return str(said or "no status was taken there").strip()


def to_document(fleet: Fleet) -> dict[str, t.Any]:
    """The same for machines."""
    return {
        "schema": SCHEMA,
        "checked_at": fleet.checked_at,
        "state": fleet.state,
        "counts": fleet.counts,
        "hosts": list(fleet.hosts),
        "silent_hosts": [{"host": host, "why": why} for host, why in fleet.silent],
        "components": [to_result(status) for status in fleet.statuses],
        "certificates": [certificate_result(one) for one in fleet.certificates],
        "databases": [to_plain(one) for one in fleet.databases],
        "repositories": [dataclasses.asdict(one) for one in fleet.repositories],
    }
