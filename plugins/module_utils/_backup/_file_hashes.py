# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Hashes of files, taken from the source beside the program that backs them up: a second reader, to hold the proof of a
backup against.

A file is read just after that program has read it. Its hash counts only when the file's size and times are those that
it had then, before and after the reading. The list is encrypted like every artifact: the hash of a file that holds one
short password would give it away to who guesses.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import heapq
import json
import os
import re
import stat
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain, to_plain

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline

_LONGEST_LINE = 1 << 20  # a path has 4,096 bytes at most, and JSON takes six for each of them
_PIECE_BYTES = 1 << 18
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
Advance = t.Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Node:
    """One entry of a tree of files, as another program has read it."""

    path: str
    kind: str  # file, dir, symlink, ...
    size: int
    mtime: str  # RFC 3339, with up to nine digits of a second
    ctime: str
    uid: int | None = None  # the owner's number; None where that program does not say it


@dataclasses.dataclass(frozen=True)
class FileHash:
    """One file's content. ``sha256`` is empty where only that program knows it."""

    path: str
    size: int
    sha256: str = ""


P = t.TypeVar("P", Node, FileHash)


def is_named(path: str) -> bool:
    """Whether the path is the file's real one: bytes that are not UTF-8 have been replaced in JSON."""
    return "\ufffd" not in path


def pick(files: t.Iterable[P], most_files: int, most_bytes: int, seed: str) -> list[P]:
    """Files that only the seed chooses, at most so many with at most so many bytes together."""

    def rank(file: P) -> bytes:
        return hashlib.blake2b(os.fsencode(file.path), digest_size=8, key=seed.encode()[:64]).digest()

    picked, left = [], most_bytes
    for file in heapq.nsmallest(most_files, files, key=rank):
        if file.size <= left:
            picked.append(file)
            left -= file.size
    return picked


class Hasher:
    """Hashes files of the source, and counts those that it cannot vouch for."""

    def __init__(self, deadline: Deadline, advance: Advance) -> None:
        self._deadline = deadline
        self._advance = advance
        self.files = self.bytes = self.changed = 0

    def lines(self, nodes: t.Iterable[Node]) -> t.Iterator[bytes]:
        """The list, a line of JSON for each file that was not changed."""
        for node in nodes:
            found = self._hashed(node)
            if found is None:
                self.changed += 1
                continue
            self.files += 1
            self.bytes += found.size
            yield json.dumps(to_plain(found)).encode("ascii") + b"\n"

    def _hashed(self, node: Node) -> FileHash | None:
        expected = (node.size, _nanoseconds(node.mtime), _nanoseconds(node.ctime))
        try:
            descriptor = os.open(node.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb", buffering=0) as file:
                if not _is(descriptor, expected):
                    return None
                digest, size = _digest(file, node.size, self._deadline, self._advance)
                return FileHash(node.path, size, digest) if size == node.size and _is(descriptor, expected) else None
        except OSError:  # it is gone, or no longer a file
            return None


def _is(descriptor: int, expected: tuple[int, int, int]) -> bool:
    found = os.fstat(descriptor)
    return stat.S_ISREG(found.st_mode) and (found.st_size, found.st_mtime_ns, found.st_ctime_ns) == expected


def _nanoseconds(text: str) -> int:
    """RFC 3339 with up to nine digits of a second, which datetime does not read, in nanoseconds since 1970."""
    found = _TIME.fullmatch(text)
    if not found:
        return -1
    moment = datetime.datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    whole = (moment - epoch) // datetime.timedelta(seconds=1)
    return whole * 10**9 + int((found[2] or "").ljust(9, "0"))


def _digest(file: t.IO[bytes], expected: int, deadline: Deadline, advance: Advance) -> tuple[str, int]:
    """The SHA-256 and the size. A file that grows is not read to an end that its writer keeps moving."""
    digest, size = hashlib.sha256(), 0
    while size <= expected and (piece := file.read(_PIECE_BYTES)):
        deadline.check("Hashing files")
        digest.update(piece)
        size += len(piece)
        advance(len(piece))
    return digest.hexdigest(), size


def read_list(pieces: t.Iterable[bytes]) -> t.Iterator[FileHash]:
    """The files of a list. Raises DamagedError."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            try:
                yield from_plain(FileHash, read_json(line))
            except (ValueError, RecordError) as error:
                raise DamagedError(f"The list of hashes has a line that is not one of ours: {error}.") from None
        if len(rest) > _LONGEST_LINE:
            raise DamagedError(f"The list of hashes has a line of more than {_LONGEST_LINE} bytes.")
    if rest:
        raise DamagedError("The list of hashes ends in the middle of a line.")


def difference(root: str, expected: FileHash, deadline: Deadline, advance: Advance) -> str:
    """What is wrong with the file under ``root``, in words; empty where it is as it was."""
    try:
        descriptor = os.open(root + expected.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            digest, size = _digest(file, expected.size, deadline, advance)
    except OSError as error:
        return f"it is not there ({error.strerror})"
    if size != expected.size:
        return f"it has {size if size < expected.size else 'more'} bytes, {expected.size} expected"
    if expected.sha256 and digest != expected.sha256:
        return "its content is another one"
    return ""
