# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``backup_prune``: what the policy keeps, what it deletes, and the deleting."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest, _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Backup, read_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    LifeboatError,
    OptionError,
    RepositoryError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._observe import (
    Component,
    read_components,
    tell_proofs,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._planner import DEFER, DELETE, Plan, digest
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._policy import RETENTION_SPEC, Policy, read_policy
from ansible_collections.lifeboat.dr.plugins.module_utils._retention._sweep import Swept, plan_component, sweep
from ansible_collections.lifeboat.dr.plugins.module_utils._work._archived_log import physical, removable, remove

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **REPOSITORY_SPEC,
    **AUDIT_SPEC,
    "app": {"type": "str", "required": True},
    "component": {"type": "str"},
    **RETENTION_SPEC,
    "confirm": {"type": "str"},
    "unfinished_after": {"type": "str"},
    "time_limit": {"type": "str"},
    "state_dir": {"type": "path"},
}


@dataclasses.dataclass
class _Part:
    """One component in one repository: what is there, what is planned, and what was done."""

    repository: Repository
    found: Component
    plan: Plan
    swept: Swept = dataclasses.field(default_factory=Swept)
    abandoned: tuple[str, ...] = ()  # unfinished backups that were removed

    @property
    def place(self) -> str:
        return f"{self.repository.name}/{self.found.app}/{self.found.component}"


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    policy = _checked(options)
    now = datetime.datetime.now(datetime.timezone.utc)
    limit = parse_duration("time_limit", options["time_limit"]).total_seconds() if options["time_limit"] else None
    deadline = Deadline(limit)
    parts, unlisted = _planned(options, policy, now, deadline)
    for part in parts:
        for backup_id, why in part.found.unreadable.items():
            module.warn(f"{part.place}/{backup_id} cannot be read, and is left alone: {why}")
    named = digest({part.place: part.plan for part in parts})
    refused = _refused(parts, options["confirm"], named)
    if not module.check_mode and not refused:
        with left_when_stopped("What was not deleted yet is whole; the next run removes what is left of others."):
            _carry_out(options, parts, now, deadline)
    logs = [] if refused else _logs(module, parts, unlisted)
    return _result(parts, unlisted, named, refused, module.check_mode, logs)


def _checked(options: t.Mapping[str, t.Any]) -> Policy:
    """Raise OptionError for what cannot be meant, before anything is read."""
    _manifest.check_name("app", options["app"])
    if options["component"]:
        _manifest.check_name("component", options["component"])
    for option in ("unfinished_after", "time_limit"):
        if options[option]:
            parse_duration(option, options[option])
    if options["unfinished_after"] and parse_duration(
        "unfinished_after", options["unfinished_after"]
    ) < datetime.timedelta(hours=1):
        raise OptionError(
            f"unfinished_after is {options['unfinished_after']}, in which a backup may well be at work.",
            hint="Give the time that no backup takes, such as 7d; at least 1h.",
        )
    return read_policy(options)


def _planned(
    options: t.Mapping[str, t.Any], policy: Policy, now: datetime.datetime, deadline: Deadline
) -> tuple[list[_Part], dict[str, str]]:
    """The plan for every component in every repository, and the repositories that cannot be listed, with why."""
    seen: list[tuple[Repository, list[Component]]] = []
    parts: list[_Part] = []
    unlisted: dict[str, str] = {}
    for repository in open_repositories(options["repositories"]):
        try:
            seen.append((repository, read_components(repository, options["app"], options["component"] or "", deadline)))
        except LifeboatError as error:
            unlisted[repository.name] = str(error)
    tell_proofs([found for _repository, components in seen for found in components])
    for repository, components in seen:
        try:
            planned = [_Part(repository, found, plan_component(repository, found, policy, now)) for found in components]
        except LifeboatError as error:
            unlisted[repository.name] = str(error)
        else:
            parts += planned
    return parts, unlisted


def _refused(parts: t.Sequence[_Part], confirm: str | None, named: str) -> str:
    """Why nothing may be deleted; empty where it may be. A digest that was approved overrules the limits."""
    if confirm:
        return (
            ""
            if confirm == named
            else (
                f"confirm is {confirm}, and what would be deleted now has the digest {named}: backups were taken, "
                "proven, held or deleted since it was approved"
            )
        )
    return "; ".join(f"{part.place}: {part.plan.refusal}" for part in parts if part.plan.refusal)


def _carry_out(
    options: t.Mapping[str, t.Any], parts: t.Sequence[_Part], now: datetime.datetime, deadline: Deadline
) -> None:
    state_dir = options["state_dir"] or _run.default_state_dir()
    for part in parts:
        abandoned = _abandoned(options["unfinished_after"], part, now)
        if not abandoned and not part.plan.of(DELETE):
            continue
        with _run.exclusive(state_dir, part.found.app, part.found.component) as stem:
            _run.remove_leftovers(stem, [part.repository])
            for backup_id in abandoned:
                folder = _manifest.backup_folder(part.found.app, part.found.component, backup_id)
                with contextlib.suppress(LifeboatError):  # it stays listed as unfinished
                    _run.remove_folder(part.repository, folder)
                    part.abandoned += (backup_id,)
            part.swept = sweep(stem, part.repository, part.found, part.plan.of(DELETE), deadline)


def _logs(module: AnsibleModule, parts: t.Sequence[_Part], unlisted: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
    """Remove what of clusters' logs is older than every base backup that stays: never what one of them needs.

    Where not everything that stays is known, a log is left alone.
    """
    repositories = open_repositories(module.params["repositories"])
    gone = {(part.repository.name, one.backup_id) for part in parts for one in part.plan.of(DELETE)}
    found = []
    for app, component in sorted({(part.found.app, part.found.component) for part in parts}):
        try:
            catalog = read_catalog(repositories, app, component)
            kept = [
                one
                for one in catalog.backups
                if not module.check_mode or any((place.name, one.backup_id) not in gone for place in one.repositories)
            ]
            if not physical(kept):
                continue
            unknown = [f"{item.repository}/{item.path}" for item in catalog.unreadable]
            unknown += [*unlisted, *catalog.unreachable]
            if unknown:
                module.warn(f"The log of {app}/{component} was left alone, as {unknown[0]} cannot be read.")
                continue
            others = functools.partial(_of_others, repositories, (app, component))
            for archive, names in removable(kept, repositories, module.warn, others).items():
                failed = {} if module.check_mode or not names else remove(archive, names, repositories)
                found.append({"archive": archive, "files": len(names), "failed": failed})
        except LifeboatError as error:
            module.warn(f"The log of {app}/{component} was left alone: {error}")
    return found


def _of_others(repositories: t.Sequence[Repository], own: tuple[str, str]) -> list[Backup]:
    """The base backups of all other components. Of those that take other backups now, one manifest is read.

    Raises RepositoryError where it cannot be known which there are.
    """
    newest = read_catalog(repositories, newest=1)
    taking = {(one.manifest.app, one.manifest.component) for one in physical(newest.backups)}
    unknown = {tuple(item.path.split("/")[:2]) for item in newest.unreadable}
    found: list[Backup] = []
    for app, component in sorted((taking | unknown) - {own}):
        catalog = read_catalog(repositories, app, component)
        if catalog.unreadable:
            item = catalog.unreadable[0]
            raise RepositoryError(f"{item.repository}/{item.path} cannot be read, and may need it.")
        found += catalog.backups
    return found


def _abandoned(after: str | None, part: _Part, now: datetime.datetime) -> list[str]:
    """Unfinished backups that nobody can be at work on any more."""
    if not after:
        return []
    limit = now - parse_duration("unfinished_after", after)
    return [backup_id for backup_id in part.found.unfinished if _manifest.id_time(backup_id) < limit]


def _result(
    parts: t.Sequence[_Part],
    unlisted: t.Mapping[str, str],
    named: str,
    refused: str,
    check_mode: bool,
    logs: list[dict[str, t.Any]],
) -> dict[str, t.Any]:
    planned = [(part, entry) for part in parts for entry in part.plan.of(DELETE)]
    deleted = [(part, entry) for part in parts for entry in part.swept.deleted]
    counted = planned if check_mode and not refused else deleted
    result: dict[str, t.Any] = {
        "changed": bool(counted) or any(part.abandoned for part in parts) or any(log["files"] for log in logs),
        "digest": named,
        "plan": [_described(part) for part in parts],
        "deleted": [f"{part.place}/{entry.backup_id}" for part, entry in deleted],
        "deferred": [f"{part.place}/{entry.backup_id}" for part in parts for entry in part.plan.of(DEFER)],
        "logs": logs,
        "freed_bytes": sum(entry.stored_bytes for _part, entry in counted),
        "unfinished": [
            f"{part.place}/{backup_id}"
            for part in parts
            for backup_id in part.found.unfinished
            if backup_id not in part.abandoned
        ],
        "unlisted_repositories": [{"repository": name, "why": why} for name, why in unlisted.items()],
        "diff": _diff(parts, counted),
    }
    problems = _problems(parts, unlisted, refused, named, len(deleted))
    problems += [f"{log['archive']} in {name}: {why}" for log in logs for name, why in log["failed"].items()]
    return {**result, "failed": True, "msg": " ".join(problems)} if problems else result


def _problems(
    parts: t.Sequence[_Part], unlisted: t.Mapping[str, str], refused: str, named: str, deleted: int
) -> list[str]:
    problems: list[str] = []
    if refused:
        problems.append(
            f"Nothing was deleted: {refused}. Look at the plan (check mode shows it), and if it is right, run again "
            f"with confirm: {named}."
        )
    for name, why in unlisted.items():
        problems.append(f"{name} could not be listed, and nothing was deleted there: {why}")
    failed = [f"{part.place}/{one}: {why}" for part in parts for one, why in part.swept.failed.items()]
    if failed:
        problems.append(f"{len(failed)} backups could not be deleted ({deleted} were): " + "; ".join(failed[:5]))
    return problems


def _described(part: _Part) -> dict[str, t.Any]:
    return {
        "repository": part.repository.name,
        "app": part.found.app,
        "component": part.found.component,
        "refusal": part.plan.refusal,
        "unreadable": [{"backup_id": one, "why": why} for one, why in part.found.unreadable.items()],
        "backups": [
            {
                "backup_id": decision.entry.backup_id,
                "taken_at": _manifest.iso(decision.entry.taken_at),
                "stored_bytes": decision.entry.stored_bytes,
                "action": decision.action if decision.entry.backup_id not in part.swept.spared else "keep",
                "reasons": [*decision.reasons, *_since(part, decision.entry.backup_id)],
            }
            for decision in part.plan.decisions
        ],
        "summary": _table(part),
    }


def _since(part: _Part, backup_id: str) -> list[str]:
    return [part.swept.spared[backup_id]] if backup_id in part.swept.spared else []


def _table(part: _Part) -> list[str]:
    """The plan as lines that a person reads."""
    lines = [f"{'backup':<24} {'size':>9}  {'':<6} why"]
    for decision in part.plan.decisions:
        entry = decision.entry
        lines.append(
            f"{entry.backup_id:<24} {format_bytes(entry.stored_bytes):>9}  {decision.action:<6} "
            + ", ".join(decision.reasons)
        )
    return lines


def _diff(parts: t.Sequence[_Part], deleted: t.Sequence[tuple[_Part, t.Any]]) -> dict[str, str]:
    gone = {(id(part), entry.backup_id) for part, entry in deleted}
    every = [(part, decision.entry.backup_id) for part in parts for decision in part.plan.decisions]
    before = "".join(f"{part.place}/{backup_id}\n" for part, backup_id in every)
    after = "".join(f"{part.place}/{backup_id}\n" for part, backup_id in every if (id(part), backup_id) not in gone)
    return {"before": before, "after": after}
