# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The engine ``paths``: files and folders, kept by restic, as references in the catalog."""

from __future__ import annotations

import collections
import dataclasses
import os
import shlex
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, Look, Part, Saved
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._file_hashes import Hasher, Node, is_named, pick
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Reference
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._restic._restic import (
    NoRepositoryError,
    Restic,
    Snapshot,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._content import (
    HASHES,
    SYSTEM,
    PathsContent,
    ResticFacts,
    read_content,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._options import check_paths
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._store import STORE

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import BackupSession

_PREFLIGHT_SECONDS = 300.0
_SAMPLE_FILES, _SAMPLE_BYTES = 1000, 256 << 20
_SHOWN = 100
_LEFT = "No backup was recorded. restic may have kept a snapshot or data of it, which restic forget and prune remove."
_EARLIER = 20


@dataclasses.dataclass(frozen=True)
class PathsLook(Look):
    """What is known of the restic repository. ``repository_id`` is empty where it has to be made first."""

    restic: Restic
    repository_id: str
    earlier: tuple[Snapshot, ...]  # of the same paths
    expected_bytes: int


class PathsEngine(Engine[PathsLook]):
    """Files and folders of this host."""

    name = STORE.engine

    def look(self, last: Manifest | None) -> PathsLook:
        """Whether the paths are there and restic can be reached."""
        options = self._options
        check_paths(options)
        restic = Restic(options, Deadline(_PREFLIGHT_SECONDS))
        for path in options["paths"]:
            _check_path(path)
        self._check_repository_outside(restic.repository)
        repository_id, earlier = "", []
        try:
            repository_id = restic.repository_id()
            earlier = [one for one in restic.snapshots() if set(one.paths) == set(map(os.path.normpath, self._wanted))]
        except NoRepositoryError as error:
            if not options["init"]:
                raise
            if last and read_content(last)[1].repository == restic.repository:
                error.hint = "The catalog has a backup in it, so init: true makes no new one. Is it mounted?"
                raise
        expected = read_content(last)[0].bytes if last else 0
        return PathsLook(0, restic, repository_id, tuple(earlier), expected)

    @property
    def _wanted(self) -> list[str]:
        return [*self._options["paths"], *self._options["include"]]

    def _check_repository_outside(self, repository: str) -> None:
        for path in self._options["paths"] if os.path.isabs(repository) else ():
            above = os.path.normpath(path).rstrip("/")
            if (
                f"{os.path.realpath(repository)}/".startswith(f"{above}/")
                and repository not in self._options["exclude"]
            ):
                raise OptionError(
                    f"restic_repository: {repository} lies in {path}, so each backup would hold the ones before.",
                    hint="Move it, or put it into exclude.",
                )

    def planned(self, look: PathsLook) -> dict[str, t.Any]:
        """What restic would store, by its own dry run; it needs a repository for that."""
        planned: dict[str, t.Any] = {
            "restic_repository": look.restic.repository,
            "restic_version": look.restic.version,
            "init": not look.repository_id,
            "paths": self._wanted,
            **_earlier(look.earlier),
        }
        if look.repository_id:
            look.restic.deadline = Deadline(seconds_or_zero("time_limit", self._options["time_limit"]))
            lines = look.restic.call(*self._arguments("planned"), "--dry-run", "--json", stdin=self._patterns)
            summary = _summary(lines)
            planned.update(
                files_new=summary["files_new"],
                files_changed=summary["files_changed"],
                files_unmodified=summary["files_unmodified"],
                bytes=summary["total_bytes_processed"],
                data_added=summary["data_added"],
                unreadable=look.restic.unreadable[:_SHOWN],
            )
        return planned

    @property
    def _patterns(self) -> str:
        return "".join(f"{pattern}\n" for pattern in self._options["include"])

    def _arguments(self, backup_id: str) -> list[str]:
        options = self._options
        tags = [f"app={options['app']}", f"component={options['component']}", f"backup={backup_id}", *options["tags"]]
        given = [
            *(f"--tag={tag}" for tag in tags),
            *(f"--exclude={pattern}" for pattern in options["exclude"]),
            *(f"--exclude-file={path}" for path in options["exclude_files"]),
            *(f"--exclude-if-present={name}" for name in options["exclude_if_present"]),
        ]
        if options["exclude_larger_than"]:
            given.append(f"--exclude-larger-than={options['exclude_larger_than']}")
        if options["host"]:
            given.append(f"--host={options['host']}")
        flags = {"--exclude-caches": options["exclude_caches"], "--one-file-system": options["one_file_system"]}
        given += [flag for flag, wanted in flags.items() if wanted]
        given += ["--files-from=-"] if options["include"] else []
        return ["backup", *given, *options["paths"]]

    def save(self, look: PathsLook, session: BackupSession) -> Saved:
        """Let restic take its snapshot, read that back, and hash files beside it."""
        restic = look.restic
        restic.deadline = session.deadline
        repository_id = look.repository_id
        with left_when_stopped(_LEFT):
            if not repository_id:
                session.progress.phase("init", "making the restic repository")
                restic.call("init")
                repository_id = restic.repository_id()
            session.progress.phase("backup", "restic reads the files", look.expected_bytes or None)
            snapshot, data_added = self._taken(restic, session)
            content = self._read_back(restic, snapshot, session)
        if not content.files:
            self._warn(
                f"The backup of {', '.join(content.paths)} holds no file at all: make sure that these are the paths "
                "you mean. A proof of it compares nothing."
            )
        facts = ResticFacts(
            repository=restic.repository,
            repository_id=repository_id,
            tree=snapshot.tree,
            host=snapshot.host,
            password_file=restic.password_file,
        )
        return Saved(
            content=dataclasses.replace(content, data_added=data_added, **_earlier(look.earlier)),
            taken_at=session.started,
            tool_versions={"restic": restic.version},
            by_hand=by_hand(facts, snapshot.id),
            reference=Reference(SYSTEM, snapshot.id, to_plain(facts)),
        )

    def _taken(self, restic: Restic, session: BackupSession) -> tuple[Snapshot, int]:
        """The snapshot that restic has taken, and the bytes that it has added. Raises SourceError where files are
        missing.
        """
        done = 0

        def watch(line: t.Any) -> bool:
            nonlocal done
            kind = line.get("message_type") if isinstance(line, dict) else ""
            passed = line.get("bytes_done") if kind == "status" else 0
            if isinstance(passed, int) and passed > done:
                session.progress.advance(passed - done)
                done = passed
            return kind == "summary"

        arguments = self._arguments(session.backup_id)
        summary = _summary(restic.call(*arguments, "--json", stdin=self._patterns, keep=watch))
        name = str(summary["snapshot_id"])
        taken = [one for one in restic.snapshots() if name and one.id.startswith(name)]
        if len(taken) != 1:
            raise DamagedError(
                f"restic took the snapshot {summary['snapshot_id']}, and it is not in {restic.repository}.",
                hint="Nothing was recorded. See whether somebody removes snapshots at this time (restic forget).",
            )
        if restic.unreadable and not self._options["allow_unreadable"]:
            names = ", ".join(restic.unreadable[:3])
            raise SourceError(
                f"restic could not read {plural(len(restic.unreadable), 'file')} ({names}). The snapshot "
                f"{taken[0].id[:8]} lies in {restic.repository} without them, and no backup was recorded.",
                hint="Let the user that backs up read them, exclude them, or say allow_unreadable: true.",
                details={"unreadable": restic.unreadable[:_SHOWN], "snapshot": taken[0].id},
            )
        return taken[0], int(summary["data_added"])

    def _read_back(self, restic: Restic, snapshot: Snapshot, session: BackupSession) -> PathsContent:
        """What the repository holds now, counted; and the list of hashes stored."""
        session.progress.phase("read back", "reading the snapshot's list of files")
        counts: collections.Counter[str] = collections.Counter()
        fingerprint = self._options["fingerprint"]
        sample = pick(_files(restic.nodes(snapshot.id), counts), _SAMPLE_FILES, _SAMPLE_BYTES, session.backup_id)
        hasher = Hasher(session.deadline, session.progress.advance)
        if fingerprint != "none":
            session.progress.phase("hash", "hashing files beside restic", sum(file.size for file in sample) or None)
            nodes = _files(restic.nodes(snapshot.id)) if fingerprint == "full" else sample
            session.store(Part("files.jsonl", HASHES, hasher.lines(nodes)))
        return PathsContent(
            paths=snapshot.paths,
            files=counts["file"],
            folders=counts["dir"],
            others=counts["other"],
            bytes=counts["bytes"],
            data_added=0,
            fingerprint=fingerprint,
            hashed_files=hasher.files,
            hashed_bytes=hasher.bytes,
            changed_files=hasher.changed,
            unnamed_files=counts["unnamed"],
            unreadable=tuple(restic.unreadable[:_SHOWN]),
            unreadable_files=len(restic.unreadable),
        )

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """The snapshot, and what it holds."""
        content, facts, snapshot_id = read_content(manifest)
        return {
            "snapshot_id": snapshot_id,
            "restic_repository": facts.repository,
            "restic_version": manifest.tool_versions.get("restic", ""),
            **{name: value for name, value in to_plain(content).items() if name != "others"},
        }


def by_hand(facts: ResticFacts, snapshot_id: str) -> list[str]:
    """The commands that show the snapshot and restore it. Credentials of S3 are in the environment."""
    restic = f"restic --repo {shlex.quote(facts.repository)} --password-file {shlex.quote(facts.password_file)}"
    return [f"{restic} ls {snapshot_id}", f"{restic} restore {snapshot_id} --target ./restored --verify"]


def _files(nodes: t.Iterable[Node], counts: collections.Counter[str] | None = None) -> t.Iterator[Node]:
    """The files that can be hashed; all entries are counted where that is asked for."""
    for node in nodes:
        named = is_named(node.path)
        if counts is not None:
            counts[node.kind if node.kind in ("file", "dir") else "other"] += 1
            counts["bytes"] += node.size
            counts["unnamed"] += node.kind == "file" and not named
        if node.kind == "file" and named:
            yield node


def _check_path(path: str) -> None:
    """Raise OptionError for a path that is not there, or is another one: restic keeps a link, not what it leads to."""
    if not os.path.lexists(path):
        raise OptionError(f"paths: {path} is not there.", hint="Nothing was backed up. Leave it out, or restore it.")
    real, plain = os.path.realpath(path), os.path.normpath(path)
    if real != plain:
        raise OptionError(
            f"paths: {path} is, or lies behind, a symbolic link, and restic would keep the link alone.",
            hint=f"Name what it leads to: {real}.",
        )


_COUNTS = ("files_new", "files_changed", "files_unmodified", "total_bytes_processed", "data_added")


def _earlier(snapshots: t.Sequence[Snapshot]) -> dict[str, t.Any]:
    """How many snapshots of the same paths there were, and the newest of them."""
    newest = tuple(f"{one.id[:8]} {one.time[:19]} {one.host}" for one in snapshots[: -_EARLIER - 1 : -1])
    return {"earlier_snapshots": len(snapshots), "earlier": newest}


def _summary(lines: t.Sequence[t.Any]) -> dict[str, t.Any]:
    for line in lines:
        if isinstance(line, dict) and line.get("message_type") == "summary":
            odd = [name for name in _COUNTS if not isinstance(line.get(name), int)]
            if odd:
                raise DamagedError(
                    f"restic ended well, and says {odd[0]} of {str(line.get(odd[0]))[:60]!r}.",
                    hint="Run restic by hand.",
                )
            return {"snapshot_id": "", **line}
    raise DamagedError("restic ended well, and said nothing of what it has done.", hint="Run restic by hand.")
