# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Restores files beside the place where they belong, and puts them there by renaming.

A program that writes into a folder file by file leaves one that looks whole when it is stopped. So it gets
``<place>.restoring-<backup id>/files``; only what is whole, and compared, takes the place, and what was there is kept
under another name. The outer folder is locked while a restore is at work in it, so that what a killed one has left is
known, and removed by the next.

The folder above the place may belong to another account, which can exchange names in it at any moment. So the outer
folder is opened once, and everything below it is reached through the descriptor (proc(5)), never by its name again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import glob
import os
import shutil
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError

_RESTORING, _FILES = ".restoring-", "files"
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REMOVE_SECONDS = 30.0


@dataclasses.dataclass(frozen=True)
class Place:
    """One place that a restore fills.

    With ``whole``, the folder that was written becomes it; else the entry of the same path in that folder does.
    ``include`` are the paths of the backup that belong there, all if empty.
    """

    path: str
    include: tuple[str, ...]
    whole: bool
    backup_id: str

    @property
    def outer_folder(self) -> str:
        """What stands beside the place while it is filled."""
        return f"{self.path}{_RESTORING}{self.backup_id}"


@dataclasses.dataclass(frozen=True)
class Filling:
    """A place whose outer folder is made, and held open as ``descriptor``."""

    place: Place
    descriptor: int

    @property
    def folder(self) -> str:
        """Where it is written, also by a program that this process starts."""
        return f"/proc/{os.getpid()}/fd/{self.descriptor}/{_FILES}"

    @property
    def source(self) -> str:
        """What is renamed to the place."""
        return self.folder if self.place.whole else self.folder + self.place.path

    def named(self, text: str) -> str:
        """The text with the folder's name instead of its descriptor."""
        return text.replace(self.folder, f"{self.place.outer_folder}/{_FILES}")


def places_of(backup_id: str, target: str, include: t.Sequence[str], paths: t.Sequence[str]) -> list[Place]:
    """The target folder; without one, the places that the files came from.

    Where a folder above such a place is missing, too, that folder is the place: with it come its owner and mode.
    """
    if target:
        return [Place(target, tuple(include), whole=True, backup_id=backup_id)]
    grouped: dict[str, list[str]] = {}
    wanted = include or paths
    for path in wanted:
        if any(path.startswith(f"{other}/") for other in wanted):
            continue  # it comes with the other
        place = path
        while not os.path.lexists(os.path.dirname(place)):
            place = os.path.dirname(place)
        grouped.setdefault(place, []).append(path)
    return [Place(place, tuple(parts), whole=False, backup_id=backup_id) for place, parts in grouped.items()]


@contextlib.contextmanager
def begun(places: t.Iterable[Place]) -> t.Iterator[list[Filling]]:
    """The folders to write into, made and locked; what has not been put into place is removed at the end.

    Raises OptionError.
    """
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_folder(place)) for place in places]


@contextlib.contextmanager
def _folder(place: Place) -> t.Iterator[Filling]:
    try:
        os.mkdir(place.outer_folder, 0o700)
        descriptor = os.open(place.outer_folder, _OPEN)
    except OSError as error:
        raise OptionError(
            f"{place.outer_folder} cannot be made ({error.strerror}), and the restore begins there.",
            hint="The folder above the target has to be there, and writable; another restore may be at work.",
        ) from None
    made = os.fstat(descriptor)
    try:
        if made.st_uid != os.geteuid():
            raise OptionError(
                f"{place.outer_folder} was exchanged while it was made, by an account that may write beside it.",
                hint="Restore into a folder that only you may write to, and copy from there.",
            )
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.mkdir(_FILES, 0o700, dir_fd=descriptor)
        yield Filling(place, descriptor)
    finally:
        shutil.rmtree(f"/proc/{os.getpid()}/fd/{descriptor}/{_FILES}", ignore_errors=True)
        with contextlib.suppress(OSError):
            if os.path.samestat(os.lstat(place.outer_folder), made):
                os.rmdir(place.outer_folder)
        os.close(descriptor)


def remove_leftovers(places: t.Iterable[Place]) -> list[str]:
    """Remove what killed restores have left beside these places. Raises OptionError where one is at work."""
    removed = []
    for place in places:
        for folder in glob.glob(f"{glob.escape(place.path + _RESTORING)}*"):
            try:
                descriptor = os.open(folder, _OPEN)
            except OSError:
                continue  # a file or a link: no restore has made it
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
                removed.append(folder)
            except BlockingIOError:
                raise OptionError(
                    f"Another restore is at work in {folder}.", hint="Wait for it, or end it; nothing has been done."
                ) from None
            finally:
                os.close(descriptor)
    return removed


def _remove(folder: str) -> None:
    """Remove it, whatever a program whose module was killed still writes into it. Raises LifeboatError."""
    end = time.monotonic() + _REMOVE_SECONDS
    while os.path.lexists(folder):
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > end:
            raise LifeboatError(
                f"{folder}, which a killed restore has left, cannot be removed.",
                hint="A program may still write into it: wait for it or end it, then remove the folder.",
            )
        time.sleep(0.05)


def put_in_place(filled: t.Sequence[Filling], tail: str) -> list[str]:
    """Give everything its name, and what was there another one. Gives the other names.

    Raises LifeboatError; then everything has its old name again.
    """
    renamed: list[tuple[str, str]] = []  # from, to
    kept = []
    try:
        for filling in filled:
            path = filling.place.path
            if os.path.isdir(path) and not os.path.islink(path) and not os.listdir(path):
                shutil.copystat(path, filling.source, follow_symlinks=False)
                os.rmdir(path)
            elif os.path.lexists(path):
                kept.append(f"{path}.before-{tail}")
                os.rename(path, kept[-1])
                renamed.append((path, kept[-1]))
            os.rename(filling.source, path)
            renamed.append((filling.source, path))
    except OSError as error:
        for old, new in reversed(renamed):
            os.rename(new, old)
        raise LifeboatError(
            f"{_named(filled, error.filename)} cannot be renamed to {_named(filled, error.filename2) or 'its place'} "
            f"({error.strerror}). Everything has its old name again.",
            hint="A mount point cannot be replaced: restore into a folder (target.folder), and copy from there.",
        ) from None
    return kept


def _named(filled: t.Iterable[Filling], path: str | None) -> str:
    for filling in filled:
        path = filling.named(path or "")
    return path or ""
