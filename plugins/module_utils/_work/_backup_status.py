# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``backup_status``: how the backups of each component are, in one verdict each."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import read_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import check_name
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._calendar import parse_calendar
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration, seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import counted, utc_timestamp
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import METRICS_SPEC, open_textfiles
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._store import STORE as PGBACKREST
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._store import STORE as PHYSICAL
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._status._cache import Cache
from ansible_collections.lifeboat.dr.plugins.module_utils._status._certificates import (
    CERTIFICATES_SPEC,
    check_certificates,
    look_at_certificate,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._look import Look, look
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import (
    BAD,
    GOOD,
    STATES,
    UNKNOWN,
    WARNING,
    Certificate,
    Expected,
    Seen,
    SeenLog,
    Status,
    worst,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._result import certificate_result, to_result
from ansible_collections.lifeboat.dr.plugins.module_utils._status._samples import status_samples
from ansible_collections.lifeboat.dr.plugins.module_utils._status._table import table
from ansible_collections.lifeboat.dr.plugins.module_utils._status._verdict import judge
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _backrest_windows
from ansible_collections.lifeboat.dr.plugins.module_utils._work._archived_log import newest_window

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

NEVER = "never"
EXPECTED_SPEC: dict[str, dict[str, t.Any]] = {
    "rpo": {"type": "str"},
    "rto": {"type": "str"},
    "max_proof_age": {"type": "str"},
    "min_backups": {"type": "int"},
    "size_change": {"type": "float"},
}
"""What can be expected of a component, and said for all of them."""
DEFAULTS = {"rpo": "26h", "max_proof_age": "8d", "min_backups": 2, "size_change": 0.5}

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **REPOSITORY_SPEC,
    "app": {"type": "str"},
    "components": {
        "type": "list",
        "elements": "dict",
        "options": {"name": {"type": "str", "required": True}, **EXPECTED_SPEC},
    },
    **{
        name: {**option, "default": DEFAULTS[name]} if name in DEFAULTS else option
        for name, option in EXPECTED_SPEC.items()
    },
    "history": {"type": "int", "default": 14},
    "schedule": {"type": "str"},
    "cache": {"type": "path"},
    "fail_on": {"type": "str", "choices": [NEVER, WARNING, UNKNOWN, BAD], "default": NEVER},
    "time_limit": {"type": "str", "default": "10m"},
    **METRICS_SPEC,
    **CERTIFICATES_SPEC,
}
_MOST_HISTORY = 1000
_SERVER_SECONDS = 10.0  # for a server to show its certificate
_SERVERS = 8  # at a time


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the worst state is as bad as ``fail_on``."""
    options = module.params
    expectations = _expectations(options)
    files = open_textfiles(options["metrics"])
    check_certificates(options["certificates"] or [])
    if not 1 <= options["history"] <= _MOST_HISTORY:
        raise OptionError(f"history is {options['history']}.", hint=f"Use 1 to {_MOST_HISTORY} backups.")
    repositories = open_repositories(options["repositories"])
    deadline = Deadline(seconds_or_zero("time_limit", options["time_limit"]))
    now = datetime.datetime.now(datetime.timezone.utc)
    calendar = parse_calendar("schedule", options["schedule"]) if options["schedule"] else None
    cache = Cache(options["cache"] or "")
    found = look(repositories, options["app"] or "", options["history"], now, deadline, cache)
    problem = "" if module.check_mode else cache.save()
    if problem:
        module.warn(problem)
    found = _with_logs(found, repositories, module.warn)
    names = [repository.name for repository in repositories]
    next_run = calendar.next_after(now) if calendar else None
    statuses = [
        dataclasses.replace(status, next_run=next_run) for status in _judged(found, expectations, options, names, now)
    ]
    certificates = _certificates(options["certificates"] or [], now, deadline)
    if files and not module.check_mode:
        samples = status_samples(statuses, names, found.unreachable, options["app"] or "", now, certificates)
        problem = files.write(files.path("status", options["app"] or "all"), samples)
        if problem:
            module.warn(problem)
    return _result(statuses, certificates, found, options, names, now)


def _with_logs(found: Look, repositories: t.Sequence[Repository], warn: t.Callable[[str], None]) -> Look:
    """Components whose log is archived, with how far it goes: what is not in it would be lost, and nothing else."""
    components = dict(found.components)
    for (app, component), seen in found.components.items():
        engines = {backup.engine for backup in seen.backups}
        if not engines & {PHYSICAL.engine, PGBACKREST.engine}:
            continue
        backups = read_catalog(repositories, app, component).of(app, component)
        newest = _backrest_windows.newest_window(backups) or newest_window(backups, repositories, warn)
        if newest is None:
            continue
        archived = datetime.datetime.fromisoformat(newest["to"].replace("Z", "+00:00")) if newest["to"] else None
        ahead, why = newest["missing_ahead"], " ".join(newest["unusable"])
        before = tuple(one for one in newest["missing"] if one not in ahead)
        components[app, component] = dataclasses.replace(seen, log=SeenLog(archived, tuple(ahead), why, before))
    return dataclasses.replace(found, components=components)


def _certificates(
    entries: t.Sequence[t.Mapping[str, t.Any]], now: datetime.datetime, deadline: Deadline
) -> list[Certificate]:
    works = [
        functools.partial(look_at_certificate, entry, now, deadline.remaining(_SERVER_SECONDS)) for entry in entries
    ]
    return together(works, _SERVERS, deadline) if works else []


def _expectations(options: t.Mapping[str, t.Any]) -> dict[str, Expected]:
    """What is expected of each component that is named. Raises OptionError."""
    components = options["components"] or []
    if options["app"]:
        check_name("app", options["app"])
    elif components:
        raise OptionError("components are given, and app is not.", hint="Name the app that the components belong to.")
    names = [check_name(f"components[{number}].name", one["name"]) for number, one in enumerate(components)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OptionError(f"components: {twice[0]} is named twice.", hint="Remove one of the two entries.")
    _expected("", options, options)
    return {one["name"]: _expected(f"components[{number}].", one, options) for number, one in enumerate(components)}


def _expected(place: str, own: t.Mapping[str, t.Any], common: t.Mapping[str, t.Any]) -> Expected:
    given = {name: own[name] if own[name] is not None else common[name] for name in EXPECTED_SPEC}
    durations = {
        name: parse_duration(f"{place}{name}", given[name]) if given[name] else None
        for name in ("rpo", "rto", "max_proof_age")
    }
    if given["min_backups"] < 0:
        raise OptionError(f"{place}min_backups is {given['min_backups']}.", hint="Use 0 or more.")
    if not 0 < given["size_change"] <= 100:
        raise OptionError(
            f"{place}size_change is {given['size_change']:g}.", hint="Use a part of the usual size, such as 0.5."
        )
    return Expected(**durations, min_backups=given["min_backups"], size_change=given["size_change"])


def _judged(
    found: Look,
    expectations: t.Mapping[str, Expected],
    options: t.Mapping[str, t.Any],
    repositories: t.Sequence[str],
    now: datetime.datetime,
) -> list[Status]:
    if expectations:
        wanted = [
            (found.components.get((options["app"], name)) or Seen(options["app"], name), expected)
            for name, expected in expectations.items()
        ]
    else:
        common = _expected("", options, options)
        wanted = [(seen, common) for seen in found.components.values()]
    return [
        judge(seen, expected, now, repositories=repositories, unreachable=found.unreachable)
        for seen, expected in wanted
    ]


def _result(
    statuses: t.Sequence[Status],
    certificates: t.Sequence[Certificate],
    found: Look,
    options: t.Mapping[str, t.Any],
    repositories: t.Sequence[str],
    now: datetime.datetime,
) -> dict[str, t.Any]:
    state = worst([status.state for status in statuses])
    state = worst([state, *(one.state for one in certificates)])
    result: dict[str, t.Any] = {
        "changed": False,
        "state": state,
        "checked_at": utc_timestamp(now),
        "counts": {one: sum(status.state == one for status in statuses) for one in STATES},
        "components": [to_result(status) for status in statuses],
        "repositories": [
            {"name": name, "reached": name not in found.unreachable, "why": found.unreachable.get(name, "")}
            for name in repositories
        ],
        "certificates": [certificate_result(one) for one in certificates],
        "table": table(statuses, now, certificates),
    }
    named = {(status.app, status.component) for status in statuses}
    result["not_named"] = sorted("/".join(key) for key in found.components if key not in named)
    if options["fail_on"] != NEVER and STATES.index(state) >= STATES.index(options["fail_on"]):
        return {**result, "failed": True, "msg": message(statuses, certificates, state)}
    return result


def message(statuses: t.Sequence[Status], certificates: t.Sequence[Certificate], state: str) -> str:
    """Why the status is not good, in one line."""
    if not statuses:
        return "There is no backup of anything in these repositories, or none of them could be read: nothing is known."
    words = [f"{one.name} ({one.place}): {one.message}" for one in certificates if one.state == state]
    not_good = [status for status in statuses if status.state != GOOD]
    if not_good:
        first = max(not_good, key=lambda status: STATES.index(status.state))
        problem = max(first.problems, key=lambda one: STATES.index(one.state))
        words.insert(0, f"{first.app}/{first.component}: {problem.message} {problem.next_step}")
    return (
        f"{len(not_good)} of {counted(len(statuses), 'components')} need attention (worst state: {state}). "
        + " ".join(words)
    )
