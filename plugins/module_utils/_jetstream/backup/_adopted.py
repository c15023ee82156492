# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The archives of the command line of NATS that lie in a folder: each stream's, or each account's, as scripts leave
them night by night.

A folder whose folders are named like the streams in them is one archive, of an account. Any other folder of a stream is
an archive by itself, whatever it is called.
"""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import itertools
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.backup._folder import FolderStream, read_folder
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import (
    ARCHIVE_FILE,
    CONFIG_FILE,
    stream_folder,
)

_FILES = frozenset((CONFIG_FILE, ARCHIVE_FILE))
_MOST_FOLDERS = 100_000


@dataclasses.dataclass(frozen=True)
class Adopted:
    """One archive. ``why`` says what keeps it from being looked into; then it has no ``streams``."""

    path: str
    streams: tuple[str, ...]
    bytes: int
    modified: datetime.datetime
    why: str = ""


def find(path: str, pattern: str) -> list[Adopted]:
    """The archives at this place whose names fit, the newest first. Raises OptionError where there is no such place."""
    if not os.path.isabs(path):
        raise OptionError(f"path: {path!r} is not absolute.", hint="Write the whole path.")
    if not os.path.isdir(path):
        raise OptionError(f"path: {path} is not a folder, or this account may not see it.", hint="Check the path.")
    found = [_described(place) for place in _places(path, pattern)]
    return sorted(found, key=lambda one: (one.modified, one.path), reverse=True)


def series(archives: t.Sequence[Adopted]) -> list[list[Adopted]]:
    """Archives that follow each other: in one folder, with names that differ in their digits alone, newest first."""
    return [
        sorted(group, key=lambda one: one.modified, reverse=True)
        for _name, group in itertools.groupby(sorted(archives, key=_name_of_series), _name_of_series)
    ]


def _name_of_series(archive: Adopted) -> tuple[str, str]:
    folder, name = os.path.split(archive.path)
    return folder, "".join(character for character in name if not character.isdigit())


def _places(top: str, pattern: str) -> t.Iterator[str]:
    """The folders that are an archive each."""
    if _is_archive(top):
        yield top
        return
    for count, (folder, folders, _files) in enumerate(os.walk(top), 1):
        if count > _MOST_FOLDERS:
            raise OptionError(f"path: {top} holds more than {_MOST_FOLDERS} folders.", hint="Name a smaller one.")
        whole = [name for name in folders if _is_archive(os.path.join(folder, name))]
        folders[:] = sorted(name for name in folders if name not in whole and not name.startswith("."))
        for name in sorted(whole):
            if fnmatch.fnmatch(name, pattern):
                yield os.path.join(folder, name)


def _is_archive(path: str) -> bool:
    """Whether a folder is one archive: of a stream, or of an account."""
    if _FILES & _inside(path):
        return True
    streams = [name for name in _inside(path) if _FILES & _inside(os.path.join(path, name))]
    return bool(streams) and any(_is_named_like_its_stream(os.path.join(path, name)) for name in streams)


def _is_named_like_its_stream(path: str) -> bool:
    try:
        (stream,) = read_folder(path).streams
    except (DamagedError, OptionError):
        return False
    return os.path.basename(path) in (stream.name, os.path.basename(stream_folder(stream.name)))


def _inside(path: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(path))
    except OSError:
        return frozenset()


def _described(path: str) -> Adopted:
    try:
        streams: list[FolderStream] = read_folder(path).streams
        why = ""
    except (DamagedError, OptionError) as error:
        streams, why = [], error.message.removeprefix("from_folder: ")
    newest = max((one.written_at for one in streams), default=None)
    modified = newest or datetime.datetime.fromtimestamp(os.stat(path).st_mtime, datetime.timezone.utc)
    size = sum(os.lstat(os.path.join(folder, name)).st_size for folder, _f, names in os.walk(path) for name in names)
    return Adopted(path, tuple(one.name for one in streams), size, modified, why)
