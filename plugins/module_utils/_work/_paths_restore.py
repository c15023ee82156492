# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``paths_restore``: files of a backup into a folder of their own, or to where they came from."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._file_hashes import FileHash, difference, read_list
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import CheckedPieces, from_any
from ansible_collections.lifeboat.dr.plugins.module_utils._core._audit import AUDIT_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import ARGUMENT_SPEC as PROGRESS_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._placing import (
    Filling,
    Place,
    begun,
    places_of,
    put_in_place,
    remove_leftovers,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._restic._restic import Restic
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._content import HASHES, read_content
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._options import RESTIC_SPEC, check_restic
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._work._opening import (
    CHOICE_SPEC,
    chosen_backup,
    opened_copies,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    **CHOICE_SPEC,
    "backup": {"type": "raw", "default": "newest_verified"},
    **REPOSITORY_SPEC,
    **AUDIT_SPEC,
    **ENCRYPTION_SPEC,
    **RESTIC_SPEC,
    **PROGRESS_SPEC,
    "target": {
        "type": "dict",
        "required": True,
        "options": {
            "folder": {"type": "path"},
            "in_place": {"type": "bool", "default": False},
            "confirm": {"type": "str"},
        },
    },
    "include": {"type": "list", "elements": "str", "default": []},
    "overwrite": {"type": "bool", "default": False},
    "verify": {"type": "bool", "default": True},
    "time_limit": {"type": "str"},
}
MARK = ".lifeboat-restored.json"
_SHOWN = 100


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    _check(module.params)
    return _Restore(module).run()


def _check(options: t.Mapping[str, t.Any]) -> None:
    check_restic(options)
    target = options["target"]
    if bool(target["folder"]) == target["in_place"]:
        raise OptionError(
            "target names " + ("folder and in_place." if target["in_place"] else "nothing."),
            hint="Give one of folder (a folder of its own) and in_place: true (where the files came from).",
        )
    if target["in_place"] and target["confirm"] != options["component"]:
        raise OptionError(
            "target.in_place puts the backup in the place of the files of today.",
            hint=f"Say that you mean it: set target.confirm to {options['component']}. Those are kept.",
        )
    for path in [*options["include"], *filter(None, [target["folder"]])]:
        if not os.path.isabs(path) or os.path.normpath(path) != path or path == "/":
            raise OptionError(
                f"{path!r} is not an absolute path.", hint="Write it as /srv/uploads, without a / at its end."
            )


@dataclasses.dataclass
class _Listing:
    """What would be written."""

    files: int = 0
    folders: int = 0
    bytes: int = 0
    names: list[str] = dataclasses.field(default_factory=list)
    of_others: int = 0  # whose owner only root can give them


class _Restore:
    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._options = module.params
        self._deadline = Deadline(seconds_or_zero("time_limit", self._options["time_limit"]))
        self._backup = chosen_backup(module, STORE)
        self._content, self._facts, self._snapshot_id = read_content(self._backup.manifest)
        self._restic = Restic(self._options, self._deadline, self._facts.repository)
        self._progress = Progress(
            self._options["progress_file"], f"{self._options['app']}/{self._options['component']}"
        )
        self._folder: str = self._options["target"]["folder"] or ""

    def run(self) -> dict[str, t.Any]:
        """Restore, and give the module's result."""
        if self._folder and self._is_restored():
            return self._result(False)
        self._check_target()
        self._progress.phase("look", "looking for the snapshot")
        self._restic.find(self._snapshot_id, self._facts.tree, self._facts.repository_id)
        listing = self._listed()
        places = places_of(self._backup.backup_id, self._folder, self._options["include"], self._content.paths)
        self._warn_of_room(places, listing.bytes)
        if listing.of_others:
            self._module.warn(
                f"{listing.of_others} of the files and folders belong to other accounts, and only root can give them "
                f"back to those: what is restored belongs to the account that restores ({os.geteuid()})."
            )
        result = self._result(
            True,
            files=listing.files,
            folders=listing.folders,
            bytes=listing.bytes,
            names=listing.names,
            diff={"before": "", "after": "".join(f"{place.path}: {self._backup.backup_id}\n" for place in places)},
        )
        if not self._module.check_mode:
            result.update(self._restored(places, listing))
            result["phases"] = self._progress.phases()
            self._progress.done()
        return result

    def _result(self, changed: bool, **more: t.Any) -> dict[str, t.Any]:
        manifest = self._backup.manifest
        return {
            "changed": changed,
            "app": manifest.app,
            "component": manifest.component,
            "backup_id": manifest.backup_id,
            "taken_at": manifest.snapshot_at,
            "snapshot_id": self._snapshot_id,
            "target": self._folder or "in place",
            **more,
        }

    @property
    def _mark(self) -> dict[str, t.Any]:
        """What a restored folder holds, so that a second run sees it."""
        manifest = self._backup.manifest
        whose = {"app": manifest.app, "component": manifest.component, "backup_id": manifest.backup_id}
        return {**whose, "include": sorted(self._options["include"])}

    def _is_restored(self) -> bool:
        try:
            with open(f"{self._folder}/{MARK}", encoding="utf-8") as file:
                return bool(read_json(file.read()) == self._mark)
        except (OSError, ValueError):
            return False

    def _check_target(self) -> None:
        """Raise OptionError for a folder that holds something."""
        if not self._folder or not os.path.lexists(self._folder) or self._options["overwrite"]:
            return
        if os.path.islink(self._folder) or not os.path.isdir(self._folder) or os.listdir(self._folder):
            raise OptionError(
                f"target.folder: {self._folder} is there already, and is not an empty folder.",
                hint="Name another one; or say overwrite: true, and it is kept under another name.",
            )

    def _listed(self) -> _Listing:
        """What the snapshot has at and below the wanted paths. Raises OptionError for one that it has not."""
        listing, missing = _Listing(), set(self._options["include"])
        wanted = tuple(self._options["include"] or self._content.paths)
        for node in self._restic.nodes(self._snapshot_id):
            missing.discard(node.path)
            if not any(node.path == path or node.path.startswith(f"{path}/") for path in wanted):
                continue
            listing.files += node.kind == "file"
            listing.folders += node.kind == "dir"
            listing.bytes += node.size
            listing.of_others += bool(os.geteuid()) and node.uid not in (None, os.geteuid())
            if len(listing.names) < _SHOWN:
                listing.names.append(node.path)
        if missing:
            raise OptionError(
                f"include: {', '.join(sorted(missing))} is not in the backup {self._backup.backup_id}.",
                hint=f"restic ls {self._snapshot_id[:8]} shows what is; another backup may have it.",
            )
        return listing

    def _warn_of_room(self, places: t.Sequence[Place], size: int) -> None:
        """Files with several names count as often, so a small disk is no error yet."""
        above = os.path.dirname(places[0].path)
        if os.path.isdir(above) and shutil.disk_usage(above).free < size:
            self._module.warn(f"{above} has {shutil.disk_usage(above).free} bytes free, and the files have {size}.")

    def _restored(self, places: t.Sequence[Place], listing: _Listing) -> dict[str, t.Any]:
        removed = remove_leftovers(places)
        tail = secrets.token_hex(3)
        words = "What had been restored was removed again; nothing that was there is changed."
        with left_when_stopped(words), begun(places) as fillings:
            for filling in fillings:
                self._progress.phase("restore", "restic writes the files", listing.bytes)
                self._fill(filling)
            compared = self._compared(fillings) if self._options["verify"] else 0
            if self._folder:
                mark = f"{fillings[0].folder}/{MARK}"  # never through a link that the backup has there
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(mark)
                with open(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                    json.dump(self._mark, file)
            kept = put_in_place(fillings, tail)
        return {"removed_leftovers": removed, "kept_as": kept, "compared_files": compared}

    def _fill(self, filling: Filling) -> None:
        include = filling.place.include
        try:
            self._restic.restore(self._snapshot_id, filling.folder, include, verify=self._options["verify"])
        except LifeboatError as error:
            error.message = filling.named(error.message)
            raise
        if not os.path.lexists(filling.source):
            raise DamagedError(f"restic ended well, and has not restored {filling.place.path}.")

    def _compared(self, fillings: t.Sequence[Filling]) -> int:
        """How many files are as their hashes of the backup's time say. Raises DamagedError for one that is not."""
        artifacts = [artifact for artifact in self._backup.manifest.artifacts if artifact.content == HASHES]
        if not artifacts:
            return 0
        self._progress.phase("compare", "comparing files with their hashes")
        try:
            copies = {copy.repository: copy for copy in opened_copies(self._module, self._backup)}
        except LifeboatError as error:
            self._module.warn(f"restic has compared what it wrote; our own hashes could not be read: {error}")
            return 0

        def hashes(repository: Repository) -> list[FileHash]:
            return list(read_list(CheckedPieces(copies[repository], artifacts[0], self._deadline, lambda count: None)))

        compared = 0
        for expected in from_any(list(copies), hashes, self._module.warn):
            for filling in fillings:
                include = filling.place.include or tuple(self._content.paths)
                if any(expected.path == path or expected.path.startswith(f"{path}/") for path in include):
                    wrong = difference(filling.folder, expected, self._deadline, self._progress.advance)
                    if wrong:
                        raise DamagedError(
                            f"{expected.path} did not come back as it was: {wrong}. Nothing was put in place.",
                            hint="Use another backup, and keep this one.",
                        )
                    compared += 1
        return compared
