# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The program restic: how it is started, what it says, and its errors in words that a person can act on.

The password is in a file, credentials are in the environment, and the repository's location is handed over there, too:
nothing of it stands in an argument list. From 0.14 to 0.19 the exit codes and some of the JSON differ, so errors are
told apart by restic's sentences, which have stayed the same.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import shutil
import tempfile
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._file_hashes import Node
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    MissingRequirementError,
    OptionError,
    RepositoryError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import Program

_OLDEST = (0, 14)
_SPARSE_SINCE = (0, 15)
_UNREADABLE = 3  # restic's exit code for a snapshot without some of its files
_OTHER_PASSWORDS = ("RESTIC_PASSWORD", "RESTIC_PASSWORD_COMMAND", "RESTIC_REPOSITORY_FILE")
_SKIPPED = re.compile(r'^(?:pattern "(.*)" does not match any files|(.*) does not exist), skipping$', re.MULTILINE)
_SPECIAL = re.compile(r"([*?\[\]\\])")  # in restic's patterns
_LOCK_STEP_SECONDS = 2.0
_LONGEST_WORDS = 1500

T = t.TypeVar("T")


class LockedError(RepositoryError):
    """Another process of restic, which lives, holds the repository alone."""


class NoRepositoryError(RepositoryError):
    """There is no restic repository at this place, or it cannot be reached: restic says the same of both."""


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """One snapshot of a restic repository."""

    id: str
    tree: str
    time: str
    host: str
    paths: tuple[str, ...]


class Restic:
    """One restic repository, as the options ``restic_*`` reach it.

    ``repository`` is the location where the options name none.
    """

    def __init__(self, options: t.Mapping[str, t.Any], deadline: Deadline, repository: str = "") -> None:
        self.repository: str = options["restic_repository"] or repository
        self.password_file: str = options["restic_password_file"]
        self.deadline = deadline
        self._lock_seconds = parse_duration("restic_lock_timeout", options["restic_lock_timeout"]).total_seconds()
        self.binary = _found(options["restic_binary"])
        self.unreadable: list[str] = []  # what the last backup could not read
        self.version = self._version()

    def _version(self) -> str:
        said = str((list(self._lines(("version",))) or [""])[0])
        found = re.match(r"restic ((\d+)\.(\d+)\S*)", said)
        self._number = (int(found[2]), int(found[3])) if found else (0, 0)
        if not found or self._number < _OLDEST:
            raise MissingRequirementError(
                f"{self.binary} is {found[0] if found else 'not restic'}, and restic 0.14 or newer is needed.",
                hint="Install a newer one, or name it in restic_binary.",
            )
        return found[1]

    def repository_id(self) -> str:
        """The repository's own id. Raises NoRepositoryError where there is none."""
        return str(read_json("".join(map(str, self.call("cat", "config"))))["id"])

    def snapshots(self) -> list[Snapshot]:
        """All snapshots, in the order of their times."""
        found = [
            Snapshot(
                id=item["id"],
                tree=item["tree"],
                time=item["time"],
                host=item.get("hostname", ""),
                paths=tuple(item["paths"]),
            )
            for line in self.call("snapshots", "--json")
            for item in line or ()
        ]
        return sorted(found, key=lambda snapshot: snapshot.time)

    def find(self, snapshot_id: str, tree: str, repository_id: str) -> Snapshot:
        """The snapshot of a manifest. Raises DamagedError where it is not there, or is not the one."""
        here = self.repository_id()
        if here != repository_id:
            raise DamagedError(
                f"{self.repository} is the restic repository {here[:10]}, and the backup is in {repository_id[:10]}.",
                hint="Name the repository of the backup, or a copy of its files, in restic_repository.",
            )
        for snapshot in self.snapshots():
            if (snapshot.id, snapshot.tree) == (snapshot_id, tree):
                return snapshot
        raise DamagedError(
            f"The snapshot {snapshot_id[:8]} is not in {self.repository} as it was: somebody removed it.",
            hint="Use another backup, or another copy of the restic repository.",
        )

    def restore(self, snapshot_id: str, folder: str, include: t.Iterable[str], *, verify: bool) -> None:
        """Let restic write into a folder: everything, or what is at and below the paths ``include``."""
        arguments = ["restore", snapshot_id, "--target", folder]
        arguments += ["--include=" + _SPECIAL.sub(r"\\\1", path) for path in include]
        arguments += ["--verify"] if verify else []
        arguments += ["--sparse"] if self._number >= _SPARSE_SINCE else []
        self.call(*arguments, keep=lambda line: False)

    def nodes(self, snapshot_id: str) -> t.Iterator[Node]:
        """The entries of a snapshot, as they are stored in the repository."""

        def primed() -> t.Iterator[t.Any]:
            lines = self._lines(("ls", "--json", snapshot_id))
            return itertools.chain(list(itertools.islice(lines, 1)), lines)

        for item in self._patiently(primed):
            if isinstance(item, dict) and item.get("struct_type") == "node":
                yield _node(item)

    def call(
        self, *arguments: str, stdin: str = "", keep: t.Callable[[t.Any], bool] = lambda line: True
    ) -> list[t.Any]:
        """Run restic to its good end and give the lines of its output that ``keep`` keeps. Raises LifeboatError."""
        return self._patiently(lambda: [line for line in self._lines(arguments, stdin) if keep(line)])

    def _patiently(self, work: t.Callable[[], T]) -> T:
        """Where another process holds the repository, wait for it.

        Locks of processes that are gone are removed, as ``restic unlock`` does: those of others stay.
        """
        patience = Deadline(self._lock_seconds or 0.001)
        while True:
            try:
                return work()
            except LockedError:
                if not patience.remaining(1.0):
                    raise
                list(self._lines(("unlock",)))
                time.sleep(min(patience.remaining(_LOCK_STEP_SECONDS), self.deadline.remaining(_LOCK_STEP_SECONDS)))
                self.deadline.check("Waiting for the lock of the restic repository")

    def _lines(self, arguments: t.Sequence[str], stdin: str = "") -> t.Iterator[t.Any]:
        """The lines of restic's output as they come, parsed where they are JSON. A backup sets ``unreadable``."""
        code = 0
        with tempfile.TemporaryFile() as file:
            file.write(os.fsencode(stdin))
            file.seek(0)
            with self._started(arguments, file.fileno()) as program:
                try:
                    yield from map(_parsed, program.lines(self.deadline))
                except SourceError as error:
                    code = error.details["exit_code"]
                    if code != _UNREADABLE or arguments[0] != "backup":
                        raise self._explained(error) from None
                if arguments[0] == "backup":
                    self.unreadable = _unreadable(program.stderr, code)

    def _started(self, arguments: t.Sequence[str], stdin: int) -> Program:
        environment = {name: value for name, value in os.environ.items() if name not in _OTHER_PASSWORDS}
        if arguments[0] != "backup":  # it would hide the snapshots of other hosts
            environment.pop("RESTIC_HOST", None)
        environment.update(
            RESTIC_REPOSITORY=self.repository,
            RESTIC_PASSWORD_FILE=self.password_file,
            RESTIC_PROGRESS_FPS="2",
            LC_ALL="C.UTF-8",
        )
        return Program([self.binary, *arguments], environment=environment, stdin=stdin)

    def _explained(self, error: SourceError) -> LifeboatError:
        words = _words(error.details["stderr"])
        details = {**error.details, "stderr": words}
        if re.search("wrong password or no key found|password failed|empty password", words):
            return OptionError(
                f"restic_password_file: {self.password_file} does not open {self.repository}: {words}.",
                hint="Name the file with the password of this repository, which this user may read.",
                details=details,
            )
        if "already locked" in words:
            return LockedError(
                f"Another restic is at work in {self.repository} and nobody else may be: {words}",
                hint="Wait for it, or raise restic_lock_timeout.",
                details=details,
            )
        if "Is there a repository at the following location" in words:
            return NoRepositoryError(
                f"There is no restic repository at {self.repository}, or it cannot be reached: {words}",
                hint="Check restic_repository and its credentials in the environment; init: true makes a new one.",
                details=details,
            )
        code = error.details["exit_code"]
        return SourceError(f"restic failed (exit code {code}): {words or 'it said nothing'}", details=details)


def _node(item: t.Mapping[str, t.Any]) -> Node:
    """An entry of a listing. Raises DamagedError for one that is not as restic writes it."""
    path, kind, size = item.get("path"), item.get("type"), item.get("size", 0)
    times = item.get("mtime"), item.get("ctime")
    if not all(isinstance(text, str) for text in (path, kind, *times)) or not isinstance(size, int) or size < 0:
        raise DamagedError(
            f"restic lists an entry that cannot be read: {str(dict(item))[:200]}.", hint="Run restic ls by hand."
        )
    uid = item.get("uid")
    mtime, ctime = map(str, times)
    return Node(str(path), str(kind), size, mtime, ctime, uid if isinstance(uid, int) else None)


def _found(binary: str | None) -> str:
    found = shutil.which(binary or "restic")
    if not found:
        raise MissingRequirementError(
            f"The program {binary or 'restic'} is not on this host.",
            hint="Install restic 0.14 or newer (Debian package restic), or name it in restic_binary.",
        )
    return found


def _parsed(line: bytes) -> t.Any:
    """The JSON of a line, or its text: some of restic's commands speak JSON, some do not."""
    try:
        return read_json(line)
    except ValueError:
        return line.decode("utf-8", "replace")


def _unreadable(stderr: str, code: int) -> list[str]:
    """The files that restic says it could not read, and the paths and patterns that it passed over."""
    found = [one or other for one, other in _SKIPPED.findall(stderr)]
    for line in stderr.splitlines() if code == _UNREADABLE else ():
        item = _parsed(line.encode())
        if isinstance(item, dict) and item.get("message_type") == "error":
            found.append(str(item.get("item") or _error_of(item).get("Path") or "?"))
    return sorted(set(found)) or (["?"] if code else [])


def _error_of(item: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What a line of restic's says of an error; what is no object there is taken for its message."""
    error = item.get("error")
    return error if isinstance(error, dict) else {"message": error} if error else {}


def _words(stderr: str) -> str:
    """What restic said to people, without its remarks about the cache."""
    said = []
    for line in stderr.splitlines():
        item = _parsed(line.encode())
        if isinstance(item, dict):
            error = _error_of(item)
            about = f"{item['item']}: " if item.get("item") else ""
            line = about + str(item.get("message") or error.get("message") or error.get("Err") or "error")
        if line.strip() and "unable to open cache" not in line:
            said.append(line.strip().rstrip("."))
    text = "; ".join(dict.fromkeys(said))
    return text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}…"
