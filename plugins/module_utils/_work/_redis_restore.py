# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``redis_restore``: an RDB in its place, or its keys into a server that runs."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces, from_any
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import from_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import (
    CHOICE_SPEC,
    chosen_backup,
    opened_copies,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._content import Node
    from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._restore import Counts, Target

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    **CHOICE_SPEC,
    "backup": {"type": "raw", "default": "newest_verified"},
    **REPOSITORY_SPEC,
    **AUDIT_SPEC,
    **ENCRYPTION_SPEC,
    **CONNECTION_SPEC,
    **PROGRESS_SPEC,
    "cluster": {"type": "bool", "default": False},
    "method": {"type": "str", "required": True, "choices": ["place", "keys"]},
    "node": {"type": "int"},
    "path": {"type": "path"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "raw"},
    "on_conflict": {"type": "str", "choices": ["refuse", "replace", "skip"]},
    "time_limit": {"type": "str"},
}
_ONLY = {"place": ("path", "owner", "group", "mode"), "keys": ("on_conflict",)}
_RUNNING_APPENDONLY = (
    "A server with appendonly yes does not read this file and starts empty. Start it with --appendonly no, look at its "
    "keys, and then switch it on: CONFIG SET appendonly yes."
)


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    other = "keys" if options["method"] == "place" else "place"
    foreign = [name for name in _ONLY[other] if options[name] is not None]
    if foreign:
        raise OptionError(f"{foreign[0]} belongs to method: {other}.", hint="Leave it out, or use that method.")
    return (_Place if options["method"] == "place" else _Keys)(module).restore()


class _Restore:
    """What both methods have in common: the backup, its copies, and which RDBs are meant."""

    def __init__(self, module: AnsibleModule) -> None:
        from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._content import RedisContent

        self._module = module
        self._options = module.params
        self._check()
        self._deadline = Deadline(seconds_or_zero("time_limit", self._options["time_limit"]))
        self._progress = Progress(
            self._options["progress_file"], f"{self._options['app']}/{self._options['component']}"
        )
        self._backup = chosen_backup(module, STORE)
        content = from_plain(RedisContent, self._backup.manifest.content, "the manifest's content")
        self._nodes = self._chosen(content.nodes)
        self._copies = {copy.repository.name: copy for copy in opened_copies(module, self._backup)}

    def _check(self) -> None:
        """Refuse options that cannot be right."""

    def _chosen(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        number = self._options["node"]
        if number is None:
            return nodes
        if not 1 <= number <= len(nodes):
            raise OptionError(f"node is {number}, and the backup has {len(nodes)}.", hint="The first is 1.")
        return nodes[number - 1 : number]

    def _artifact(self, node: Node) -> Artifact:
        return next(artifact for artifact in self._backup.manifest.artifacts if artifact.name == node.artifact)

    def _pieces(self, repository: str, node: Node) -> t.Iterator[bytes]:
        """The RDB's bytes. They end only when they are what was backed up."""
        return iter(
            CheckedPieces(self._copies[repository], self._artifact(node), self._deadline, self._progress.advance)
        )

    def _from_any(self, work: t.Callable[[str], t.Any]) -> t.Any:
        """Work with the first copy that is whole."""
        repositories = [copy.repository for copy in self._copies.values()]
        return from_any(repositories, lambda repository: work(repository.name), self._module.warn)

    def _result(self, changed: bool, before: str, after: str, **more: t.Any) -> dict[str, t.Any]:
        manifest = self._backup.manifest
        result = {
            "changed": changed,
            "app": manifest.app,
            "component": manifest.component,
            "backup_id": manifest.backup_id,
            "taken_at": manifest.snapshot_at,
            **more,
        }
        if changed:
            result["diff"] = {"before": f"{before}\n", "after": f"{after}\n"}
        return result


class _Place(_Restore):
    """The RDB as a file, for a server that is started afterwards."""

    def _check(self) -> None:
        if not self._options["path"]:
            raise OptionError("method: place needs path.", hint="Use dir and dbfilename of the server.")

    def restore(self) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._place import (
            check_place,
            hash_of,
            place,
        )

        path = self._options["path"]
        if len(self._nodes) > 1:
            raise OptionError(
                f"The backup holds {len(self._nodes)} RDBs, of the nodes of a cluster; path is one place.",
                hint="Say with node which one, and restore each on the host whose slots it has.",
            )
        artifact = self._artifact(self._nodes[0])
        present = hash_of(path)
        if present and present == artifact.plain_sha256:
            changed = self._module.set_fs_attributes_if_different(self._attributes(path), False)
            return self._result(changed, path, path, path=path, kept_as="")
        check_place(path)
        kept = ""
        if not self._module.check_mode:
            self._progress.phase("place", f"writing {path}", artifact.plain_bytes)
            kept = self._from_any(
                lambda repository: place(
                    self._pieces(repository, self._nodes[0]), path, self._backup.backup_id, self._set_attributes
                )
            )
            self._progress.done()
        self._module.warn(_RUNNING_APPENDONLY)
        before = f"{path}: {'another file' if present else 'absent'}"
        after = f"{path}: the RDB of {self._backup.backup_id}"
        return self._result(True, before, after, path=path, kept_as=kept, plain_bytes=artifact.plain_bytes)

    def _set_attributes(self, path: str) -> None:
        self._module.set_fs_attributes_if_different(self._attributes(path), False)

    def _attributes(self, path: str) -> dict[str, t.Any]:
        """The owner, group and mode that were asked for, as Ansible's own function takes them."""
        wanted = {name: self._options[name] for name in ("owner", "group", "mode")}
        return {"path": path, **wanted, "secontext": [None, None, None], "attributes": None}


class _Keys(_Restore):
    """The keys, one by one, into a server that runs."""

    def restore(self) -> dict[str, t.Any]:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _keeping
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import (
            server_from_options,
            servers_of,
        )
        from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._restore import Target

        server = server_from_options(self._options)
        servers = servers_of(server, self._options["cluster"], self._deadline)
        with Target(servers, self._deadline) as target:
            _keeping.refuse_replicas(target.nodes)
            total = sum(self._artifact(node).plain_bytes for node in self._nodes)
            self._progress.phase("compare", "comparing with what is there", total)
            counts = [self._from_any(functools.partial(self._run, target, node, False)) for node in self._nodes]
            found = {
                name: sum(getattr(one, name) for one in counts) for name in ("missing", "same", "different", "expired")
            }
            conflict = self._options["on_conflict"] or "refuse"
            if found["different"] and conflict == "refuse":
                examples = [example for one in counts for example in one.examples]
                raise OptionError(
                    f"{found['different']} keys or libraries are at {server} with another content, such as "
                    f"{', '.join(examples[:3])}. Nothing has been written.",
                    hint="on_conflict: replace puts the backup's in their place, skip leaves them as they are.",
                )
            to_write = found["missing"] + (found["different"] if conflict == "replace" else 0)
            wrong: dict[str, t.Any] = {}
            if to_write and not self._module.check_mode:
                self._progress.phase("write", "writing the keys", total)
                evicted = _keeping.evicted(target.nodes)
                counts = [self._from_any(functools.partial(self._run, target, node, True)) for node in self._nodes]
                wrong = _less(server, counts, _keeping.evicted(target.nodes) - evicted)
                to_write = sum(one.written for one in counts)
                self._progress.done()
        words = f"{server}: %d keys and libraries of the backup %s are there"
        id_ = self._backup.backup_id
        before, after = words % (found["same"], id_), words % (found["same"] + to_write, id_)
        return self._result(to_write > 0, before, after, target=str(server), written=to_write, **found, **wrong)

    def _run(self, target: Target, node: Node, write: bool, repository: str) -> Counts:
        from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._rdb import Walk
        from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._restore import KeyRestore

        pieces = self._pieces(repository, node)
        walk = Walk(pieces)
        keys = KeyRestore(target, replace=self._options["on_conflict"] == "replace", deadline=self._deadline)
        counts = keys.run(walk.items(keep=True), lambda: walk.version, write=write)
        for _piece in pieces:  # to the end, so that its hash is checked
            pass
        return counts


def _less(server: t.Any, counts: t.Sequence[Counts], evicted: int) -> dict[str, t.Any]:
    """What makes the task fail after all was written that could be: keys that were refused, or thrown away at once."""
    refused, written = sum(one.refused for one in counts), sum(one.written for one in counts)
    words = []
    if refused:
        shown = "; ".join([refusal for one in counts for refusal in one.refusals][:3])
        words.append(
            f"{server} refused {refused} keys or libraries, such as {shown}. {written} keys have been written: all "
            "others. What modules have written needs the modules."
        )
    if evicted > 0:
        words.append(
            f"{server} threw {evicted} keys away while {written} were written, as its memory is full (maxmemory): some "
            "of the backup may be missing. Raise maxmemory, or set maxmemory-policy noeviction, and restore again."
        )
    return {"failed": True, "msg": " ".join(words), "refused": refused, "evicted": max(0, evicted)} if words else {}
