# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The dumps that lie in a folder: found, described, and opened through whatever is wrapped around them."""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import itertools
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    OptionError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.dumps._kinds import (
    DIRECTORY,
    HEAD_BYTES,
    NATS,
    UNKNOWN,
    Kind,
    directory_kind,
    kind_of,
    wrapping,
)

_PIECE_BYTES = 1 << 20
_MOST_LAYERS = 4
_COMPRESSIONS = {"gz": "gzip", "zst": "zstd"}
_ENCRYPTIONS = ("age", "gpg")
_MOST_FILES = 100_000

Damage = t.Callable[[t.Iterator[bytes]], t.Iterator[bytes]]


@dataclasses.dataclass(frozen=True)
class Dump:
    """One file or folder. ``wrapped`` says what is around the dump, from the outside: ``("age", "zst")``."""

    path: str
    kind: Kind
    wrapped: tuple[str, ...]
    bytes: int
    modified: datetime.datetime
    why: str = ""  # why nobody knows what it is
    locked: bool = False  # it could not be looked into: there is no key for it, or it is damaged

    @property
    def is_postgresql(self) -> bool:
        """Whether it is a dump that can be restored here."""
        return self.kind.kind not in (NATS, UNKNOWN)


def find(path: str, pattern: str, encryption: t.Mapping[str, t.Any] | None) -> list[Dump]:
    """The dumps at this place, the newest first. Raises OptionError where there is no such place."""
    if not os.path.isabs(path):
        raise OptionError(f"path: {path!r} is not absolute.", hint="Write the whole path.")
    if not os.path.exists(path):
        raise OptionError(f"path: {path} is not there, or this account may not see it.", hint="Check the path.")
    own = _folder_kind(path) if os.path.isdir(path) else ""
    places = [path] if own or not os.path.isdir(path) else list(_below(path, pattern))
    found = [describe(place, encryption) for place in places]
    return sorted(found, key=lambda dump: (dump.modified, dump.path), reverse=True)


def _below(top: str, pattern: str) -> t.Iterator[str]:
    count = 0
    for folder, folders, files in os.walk(top):
        whole = [name for name in folders if _folder_kind(os.path.join(folder, name))]
        folders[:] = sorted(name for name in folders if name not in whole and not name.startswith("."))
        for name in sorted((*whole, *files)):
            path = os.path.join(folder, name)
            if name.startswith(".") or not fnmatch.fnmatch(name, pattern) or os.path.islink(path):
                continue
            count += 1
            if count > _MOST_FILES:
                raise OptionError(
                    f"path: {top} holds more than {_MOST_FILES} files.", hint="Name a folder with dumps alone."
                )
            yield path


def _folder_kind(path: str) -> str:
    """Which kind of archive is a folder."""
    if os.path.isfile(os.path.join(path, "toc.dat")):
        return DIRECTORY
    return NATS if os.path.isfile(os.path.join(path, "backup.json")) else ""


def describe(path: str, encryption: t.Mapping[str, t.Any] | None) -> Dump:
    """What this is, as far as it can be read without restoring it."""
    status = os.stat(path)
    modified = datetime.datetime.fromtimestamp(status.st_mtime, datetime.timezone.utc)
    if os.path.isdir(path):
        size = sum(
            os.lstat(os.path.join(folder, name)).st_size for folder, _f, names in os.walk(path) for name in names
        )
        kind = Kind(_folder_kind(path) or UNKNOWN)
        if kind.kind == DIRECTORY:
            kind = directory_kind(_head(_raw(os.path.join(path, "toc.dat"))))
        return Dump(path, kind, (), size, modified)
    wrapped: tuple[str, ...] = ()
    locked = False
    try:
        wrapped, head = _unwrapped(path, encryption)
        kind, why = kind_of(head), ""
    except (LifeboatError, OSError) as error:
        kind, why, locked = Kind(UNKNOWN), str(error), True
        wrapped = _outermost(path)
    if not why and kind.kind == UNKNOWN:
        why = "it is neither an archive of pg_dump nor an SQL script"
    return Dump(path, kind, wrapped, status.st_size, modified, why, locked)


def _outermost(path: str) -> tuple[str, ...]:
    try:
        found = wrapping(next(_raw(path), b""))
    except OSError:
        return ()
    return (found,) if found else ()


def _unwrapped(path: str, encryption: t.Mapping[str, t.Any] | None) -> tuple[tuple[str, ...], bytes]:
    """What is around the dump, and how it begins inside of it. Raises LifeboatError."""
    wrapped: tuple[str, ...] = ()
    while True:
        pieces = _layers(_raw(path), wrapped, encryption)
        try:
            head = _head(pieces)
        finally:
            close(pieces)
        found = wrapping(head)
        if not found:
            return wrapped, head
        if len(wrapped) == _MOST_LAYERS:
            raise DamagedError(f"{path} is wrapped more than {_MOST_LAYERS} times.")
        wrapped = (*wrapped, found)


def _head(pieces: t.Iterator[bytes]) -> bytes:
    """How it begins. What is damaged later on still says what it is: whoever reads it to its end finds the damage."""
    found = b""
    try:
        for piece in pieces:
            found += piece
            if len(found) >= HEAD_BYTES:
                break
    except DamagedError:
        if not found:
            raise
    return found[:HEAD_BYTES]


def plain(dump: Dump, encryption: t.Mapping[str, t.Any] | None, damage: Damage | None = None) -> t.Iterator[bytes]:
    """The plain bytes of a dump that is a file; ``damage`` is done to what is stored. Raises LifeboatError."""
    pieces = _raw(dump.path)
    return _layers(damage(pieces) if damage else pieces, dump.wrapped, encryption)


def _layers(
    pieces: t.Iterator[bytes], wrapped: t.Sequence[str], encryption: t.Mapping[str, t.Any] | None
) -> t.Iterator[bytes]:
    for layer in wrapped:
        if layer in _ENCRYPTIONS:
            cipher = open_cipher(_keys(layer, encryption), engine=layer)
            cipher.check_decryption()
            pieces = cipher.decrypt(pieces)
        else:
            pieces = open_compressor({"engine": _COMPRESSIONS[layer]}).decompress(pieces)
    return pieces


def _keys(layer: str, encryption: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
    """A folder may hold files of both kinds, so ``engine`` says nothing here."""
    return {name: value for name, value in (encryption or {}).items() if name != "engine" and value not in (None, "")}


def _raw(path: str) -> t.Iterator[bytes]:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def series(dumps: t.Sequence[Dump]) -> list[list[Dump]]:
    """Dumps that follow each other: in one folder, with names that differ in their digits alone."""
    return [
        sorted(group, key=lambda dump: dump.modified, reverse=True)
        for _name, group in itertools.groupby(sorted(dumps, key=_name_of_series), _name_of_series)
    ]


def _name_of_series(dump: Dump) -> tuple[str, str]:
    return os.path.dirname(dump.path), "".join(c for c in os.path.basename(dump.path) if not c.isdigit())
