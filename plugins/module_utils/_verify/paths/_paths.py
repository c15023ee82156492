# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Proves one backup of files that restic keeps: the snapshot is the one of the manifest, restic's own check is good,
and files come back as they were.

``artifact`` asks restic alone, ``quick`` restores a sample into a scratch folder and compares it, ``full`` does both.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._file_hashes import (
    FileHash,
    difference,
    is_named,
    pick,
    read_list,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes, plural
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import ScratchFolder
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._content import HASHES, read_content
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification, outcome, summarised
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.paths import _paths_controls

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._restic._restic import Restic

_ROOM_BYTES = 64 << 20  # for folders, and for the scratch repository of a control


@dataclasses.dataclass(frozen=True)
class Options:
    """How to verify. ``seed`` alone decides, with the backup, which files are in the sample."""

    profile: _model.Profile
    read_data_subset: str = "5%"
    sample_files: int = 100
    sample_bytes: int = 256 << 20
    seed: str = ""
    scratch_dir: str = "/var/tmp"


class PathsVerification(Verification):
    """Asks restic, restores a sample, and holds it against the hashes of the backup's time."""

    def __init__(
        self,
        copies: t.Sequence[StoredBackup],
        restic: t.Callable[[str], Restic],
        options: Options,
        deadline: Deadline,
        progress: Progress,
    ) -> None:
        super().__init__(copies, options.profile, deadline, progress)
        self._content, self._facts, self._snapshot_id = read_content(self._manifest)
        self._restic = restic(self._facts.repository)
        self._options = options

    def _check_key(self) -> None:
        """A wrong password, or a repository out of reach, says nothing of the backup. Raises LifeboatError."""
        super()._check_key()
        self._restic.repository_id()

    # what restic says

    def _verify_archives(self) -> None:
        self._hashes()
        if self._find_snapshot():
            self._ask_restic()

    def _find_snapshot(self) -> bool:
        self._progress.phase("snapshot", "looking for the snapshot")
        find = self._restic.find
        item = outcome(self._snapshot_id, lambda: find(self._snapshot_id, self._facts.tree, self._facts.repository_id))
        check = Check("artifact.snapshot", "restic has the snapshot of the manifest", "artifact", "passed")
        self._checks.append(summarised(check, [item], "snapshots"))
        return item.status == "passed"

    def _ask_restic(self) -> None:
        """``restic check`` of the whole repository: its structure, and a part of its data read back."""
        subset = self._options.read_data_subset
        self._progress.phase("check", f"restic checks its repository and reads {subset} of its data")
        arguments = ["check"] + ([f"--read-data-subset={subset}"] if subset != "0" else [])
        item = outcome(self._restic.repository, lambda: self._restic.call(*arguments))
        self._deadline.check("restic check")
        check = Check(
            "artifact.restic", f"restic check finds no error, reading {subset} of the data", "artifact", "passed"
        )
        self._checks.append(summarised(check, [item], "repositories"))
        self._controls.append(
            _paths_controls.pack_control(self._restic.binary, self._options.scratch_dir, self._deadline)
        )

    # what comes back

    def _verify_restored(self) -> None:
        hashes = self._hashes()
        if not self._find_snapshot():
            return
        self._restore_sample(hashes)
        if self._profile == "full":
            self._ask_restic()

    def _hashes(self) -> list[FileHash] | None:
        """The hashes of the backup's time; None where there are none."""
        artifacts = self._stored.artifacts(HASHES)
        if not artifacts:
            return None
        found: list[FileHash] = []
        self._progress.phase("read", "reading the list of hashes", self._manifest.plain_bytes)

        def whole() -> None:
            found.extend(read_list(CheckedPieces(self._stored, artifacts[0], self._deadline, self._progress.advance)))
            if len(found) != self._content.hashed_files:
                raise LifeboatError(f"It lists {len(found)} files, and the manifest says {self._content.hashed_files}.")

        check = Check("artifact.stored", "The list of hashes is what was written", "artifact", "passed")
        self._checks.append(summarised(check, [outcome(artifacts[0].name, whole)], "files"))
        return found

    def _restore_sample(self, hashes: list[FileHash] | None) -> None:
        options = self._options
        candidates: t.Iterable[FileHash] = hashes if hashes is not None else self._listed()
        sample = pick(candidates, options.sample_files, options.sample_bytes, options.seed)
        size = sum(file.size for file in sample)
        self._progress.phase("restore", "restic restores a sample", size)
        clock = time.monotonic()
        folder = ScratchFolder(options.scratch_dir, needed_bytes=size + _ROOM_BYTES, what="the sample of files")
        with folder as scratch:
            root = f"{scratch.path}/restored"
            item = outcome(self._snapshot_id[:8], lambda: self._restored(root, sample))
            self._deadline.check("Restoring the sample")
            self._restore_seconds = time.monotonic() - clock
            check = Check("restore.restore", "restic restores files of the snapshot", "restore", "passed")
            self._checks.append(summarised(check, [item], "restores"))
            if item.status == "passed":
                self._compare(root, sample)
                self._controls += _paths_controls.file_controls(root, sample, self._deadline)

    def _listed(self) -> t.Iterator[FileHash]:
        for node in self._restic.nodes(self._snapshot_id):
            if node.kind == "file" and is_named(node.path):
                yield FileHash(node.path, node.size)

    def _restored(self, root: str, sample: t.Sequence[FileHash]) -> None:
        if sample:  # without include, restic would restore everything
            self._restic.restore(self._snapshot_id, root, [file.path for file in sample], verify=True)

    def _compare(self, root: str, sample: t.Sequence[FileHash]) -> None:
        self._progress.phase("compare", "comparing the files that came back", sum(file.size for file in sample))
        items = []
        for file in sample:
            wrong = difference(root, file, self._deadline, self._progress.advance)
            items.append(Item(file.path, "failed" if wrong else "passed", file.size, None, wrong))
        hashed = sum(bool(file.sha256) for file in sample)
        against = "hashes of the backup's time" if hashed else "restic's own hashes, as the backup recorded none"
        check = Check("content.sample", f"Files come back as they were, by {against}", "content", "passed")
        check = summarised(check, items, "files")
        if not sample:
            status: _model.CheckStatus = "skipped" if not self._content.files else "failed"
            check = dataclasses.replace(check, status=status, message="There was no file to take as a sample.")
        self._checks.append(dataclasses.replace(check, message=f"{check.message} (seed {self._options.seed})"))
        bad = sum(item.status == "failed" for item in items)
        part = _model.Part(
            name=os.path.commonpath(self._content.paths),
            status="failed" if bad else "passed",
            count_expected=len(sample),
            count_restored=len(sample) - bad,
            bytes=sum(file.size for file in sample),
        )
        if sample and not bad and hashed == len(sample):
            lines = "".join(sorted(f"{file.sha256}  {file.path}\n" for file in sample))
            whole = hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
            part = dataclasses.replace(
                part,
                fingerprint_expected=whole,
                fingerprint_restored=whole,
                algorithm="SHA-256 of every file of the sample",
            )
        self._parts.append(part)

    # what the report says

    def _source(self) -> _model.Source:
        version = self._manifest.tool_versions.get("restic", "unknown")
        return _model.Source.of(STORE, version, ", ".join(self._content.paths), self._facts.host)

    def _counts(self) -> tuple[_model.Count, ...]:
        counted = {"files": self._content.files, "folders": self._content.folders, "others": self._content.others}
        return tuple(_model.Count(what, count) for what, count in counted.items())

    def _details(self) -> tuple[_model.Detail, ...]:
        content = self._content
        facts = {
            "Snapshot": self._snapshot_id,
            "restic repository": self._facts.repository,
            "Bytes of the files": format_bytes(content.bytes),
            "Hashed beside restic": f"{plural(content.hashed_files, 'file')}, {format_bytes(content.hashed_bytes)}",
            "Not hashed": f"{content.changed_files} changed meanwhile, {content.unnamed_files} without a UTF-8 name",
            "Not readable": plural(content.unreadable_files, "file") if content.unreadable_files else "",
        }
        return tuple(_model.Detail(term, value) for term, value in facts.items() if value)

    def _tool_versions(self) -> dict[str, str]:
        return {**super()._tool_versions(), "restic": self._restic.version}
