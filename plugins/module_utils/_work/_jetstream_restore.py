# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The state ``restored`` of the module ``jetstream_snapshot``: refuse first what cannot go well, for all streams, then
restore them.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import secrets
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _run
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import from_any
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._memory import suited_to_a_transfer
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import ARCHIVE, content_of
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._selection import select
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._time_to_live import all_stay
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import chosen_backup, opened_copies

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import Plan
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._restore import StreamRestore
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._restore_run import Restored
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._target import Target

ALL = "*"

_LEFT = "Streams that were restored to their end stay, the others were removed. Run it again to restore these."


def restore(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    suited_to_a_transfer()
    return _Restore(module).run()


class _Restore:
    """One backup's streams, into one account."""

    def __init__(self, module: AnsibleModule) -> None:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
            connection_from_options,
        )

        self._module = module
        self._options = module.params
        limit = self._options["time_limit"]
        self._deadline = Deadline(parse_duration("time_limit", limit).total_seconds() if limit else 0)
        self._replicas_seconds = parse_duration("replicas_timeout", self._options["replicas_timeout"]).total_seconds()
        self._connection = connection_from_options(self._options)
        self._backup = chosen_backup(module, STORE)
        manifest = self._backup.manifest
        self._content = content_of(manifest.content, "the manifest")
        self._mark = f"{manifest.app}/{manifest.component}/{manifest.backup_id}"
        self._plans = self._planned()
        self._unable: dict[str, str] = {}

    def run(self) -> dict[str, t.Any]:
        """Look, refuse, restore."""
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._target import look

        copies = opened_copies(self._module, self._backup)
        state_dir = self._options["state_dir"] or _run.default_state_dir()
        target = look(self._connection, self._plans, self._options["consumers"], self._deadline)
        self._plans, self._unable = target.sorted_out(self._plans, self._mark, self._options["republish"])
        self._plans = [self._aged(plan, copies, target) for plan in self._plans]
        target.refuse(self._plans, self._mark, self._options)
        for warning in target.warnings(self._plans, self._mark, self._options):
            self._module.warn(warning)
        todo = [plan for plan in self._plans if target.changes(plan, self._mark, self._options["limits"])]
        if self._module.check_mode:
            return self._result(target, [], [plan.name for plan in todo])
        progress = Progress(self._options["progress_file"], f"{self._options['app']}/{self._options['component']}")
        progress.phase("restore", "restoring the streams", self._bytes(todo))
        lock = _run.exclusive(state_dir, self._options["app"], f"{self._options['component']}@restore")
        with lock, left_when_stopped(_LEFT):
            restored = self._restored(copies, progress)
        progress.done()
        return {**self._result(target, restored, []), "phases": progress.phases()}

    def _planned(self) -> list[Plan]:
        """How each stream that is meant is restored. Raises OptionError."""
        options, content = self._options, self._content
        names = select(
            [stream.name for stream in content.streams], options["streams"], options["exclude"], where="the backup"
        )
        rename, config = options["rename"] or {}, options["config"] or {}
        for option, given in (("rename", rename), ("config", config)):
            for name in given:
                if name not in names and name != ALL:
                    raise OptionError(
                        f"{option}: {name} is not one of the streams to restore.",
                        hint=f"These are: {', '.join(names)}.",
                    )
        targets = [str(rename.get(name, name)) for name in names]
        for target in targets:
            if targets.count(target) > 1:
                raise OptionError(
                    f"rename: {target} would be the name of two streams.", hint="Give each a name of its own."
                )
        now = datetime.datetime.now(datetime.timezone.utc)
        return [
            _restore_plan.make_plan(
                stream,
                name=str(rename.get(stream.name, stream.name)),
                overrides=overrides_for(stream.name, config),
                limits=options["limits"],
                scale_up=options["scale_up"],
                now=now,
            )
            for stream in content.streams
            if stream.name in names
        ]

    def _aged(self, plan: Plan, copies: t.Sequence[StoredBackup], target: Target) -> Plan:
        """Where max_age would drop messages: whether their own time to live keeps them. Servers from 2.15 count it in a
        restore; 2.14 drops them all the same.
        """
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._convert import read_messages

        now = datetime.datetime.now(datetime.timezone.utc)
        may = plan.wanted.get("allow_msg_ttl") and target.version >= _restore_plan.V2_SINCE and not plan.republish
        if not may or "max_age" not in _restore_plan.evicting(plan.stream, plan.wanted, {}, now):
            return plan

        def stay(repository: t.Any) -> bool:
            copy = next(copy for copy in copies if copy.repository is repository)
            name = f"{plan.stream.folder}/"
            archive = next(one for one in copy.artifacts(ARCHIVE) if one.name.startswith(name))
            messages = read_messages(lambda: copy.open(archive), plan.stream.name)
            return all_stay(messages, int(plan.wanted["max_age"]), time.time_ns())

        if not from_any([copy.repository for copy in copies], stay, self._module.warn):
            return plan
        lifted = {limit: value for limit, value in plan.lifted.items() if limit != "max_age"}
        return dataclasses.replace(plan, lifted=lifted, outlives=True)

    def _bytes(self, plans: t.Sequence[Plan]) -> int:
        folders = tuple(f"{plan.stream.folder}/" for plan in plans)
        return sum(
            artifact.plain_bytes for artifact in self._backup.manifest.artifacts if artifact.name.startswith(folders)
        )

    def _restored(self, copies: t.Any, progress: Progress) -> list[Restored]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._restore import StreamRestore
        from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.restore._restore_run import RestoreRun

        options = self._options
        how = RestoreRun(
            connection=self._connection,
            copies=copies,
            deadline=self._deadline,
            progress=progress,
            warn=self._module.warn,
            mark=self._mark,
            run=secrets.token_hex(8),
            limits=options["limits"],
            consumers=options["consumers"],
            replace=frozenset(options["replace"]),
            replicas_seconds=self._replicas_seconds,
        )
        largest_first = sorted(self._plans, key=lambda plan: -plan.stream.unpacked_bytes)
        works = [StreamRestore(how, plan) for plan in largest_first]
        restored = together([functools.partial(self._one, one) for one in works], options["jobs"], self._deadline)
        for one in works:
            one.look_for_more()
        return sorted(restored, key=lambda one: one.plan.name)

    def _one(self, stream: StreamRestore) -> Restored:
        try:
            return stream.run()
        except LifeboatError as error:
            error.details.setdefault("stream", stream.name)
            raise

    def _result(self, target: Target, restored: t.Sequence[Restored], planned: t.Sequence[str]) -> dict[str, t.Any]:
        manifest = self._backup.manifest
        changed = [one.plan.name for one in restored if one.changed] or list(planned)
        before = "".join(f"{name}: {target.described(name)}\n" for name in sorted(changed))
        result: dict[str, t.Any] = {
            "changed": bool(changed),
            "app": manifest.app,
            "component": manifest.component,
            "backup_id": manifest.backup_id,
            "taken_at": manifest.snapshot_at,
            "server_version": target.version_text,
            "plain_bytes": manifest.plain_bytes,
            "diff": {"before": before, "after": "".join(f"{name}: {self._mark}\n" for name in sorted(changed))},
        }
        if self._unable:
            words = "; ".join(f"{name}: {why}" for name, why in sorted(self._unable.items()))
            done = "All other streams would be restored" if self._module.check_mode else "All others are restored"
            result.update(
                failed=True, msg=f"This server cannot take {len(self._unable)} of the streams. {words}. {done}."
            )
        if self._module.check_mode:
            if planned:
                result["planned"] = {
                    "streams": sorted(planned),
                    "messages": sum(plan.stream.messages for plan in self._plans if plan.name in planned),
                    "replaced": sorted(name for name in planned if target.exists(name)),
                }
            return result
        result["not_restored"] = self._unable
        result["streams"] = [_described(one, target) for one in restored]
        result["removed_leftovers"] = [one.plan.name for one in restored if one.removed_leftover]
        used = [one.repository for one in restored if one.repository]
        if used:
            result["repository"] = used[-1]
        return result


def overrides_for(name: str, config: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The keys that are different for this stream: those under ``*``, and its own over them. Raises OptionError."""
    found: dict[str, t.Any] = {}
    for key in (ALL, name):
        given = config.get(key) or {}
        if not isinstance(given, t.Mapping):
            raise OptionError(
                f"config: {key} is {given!r}.",
                hint="Write keys of the stream's configuration, such as {num_replicas: 1}.",
            )
        found.update(given)
    if "name" in found:
        raise OptionError(f"config: name of {name} cannot be changed here.", hint="Use rename.")
    return found


def _described(one: Restored, target: Target) -> dict[str, t.Any]:
    plan, stream = one.plan, one.plan.stream
    return {
        "name": plan.name,
        "restored_from": stream.name,
        "changed": one.changed,
        "republished": bool(one.published),
        "replaced": one.replaced,
        "kind": stream.kind,
        "bucket": stream.bucket,
        "messages": int(one.state.get("messages") or 0),
        "bytes": stream.bytes,
        "first_sequence": int(one.state.get("first_seq") or 0),
        "last_sequence": int(one.state.get("last_seq") or 0),
        "format": stream.format,
        "method": stream.method,
        "rebuilt_consumers": one.rebuilt_consumers,
        "lifted_limits": plan.lifted if one.changed else {},
        "dependants": target.dependants(plan.name),
    }
