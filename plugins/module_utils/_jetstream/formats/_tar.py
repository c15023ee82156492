# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Reads a tar archive that comes in pieces, front to back, and can tell whether it ended as tar says it must.

Only what Go's archive/tar writes in its PAX format: plain files, PAX records before them (POSIX.1-2001, pax Interchange
Format). The state between two pieces is small and can be pickled: another process may go on.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError

_BLOCK = 512
_MAX_PAX_BYTES = 1 << 20


class Part(t.NamedTuple):
    """A stretch of one file of the archive."""

    name: str
    data: bytes
    last: bool  # the file ends here


class TarReader:
    """``feed`` gives the files' content as it comes.

    ``ended`` is true once the two empty blocks that end an archive have been seen.
    """

    def __init__(self) -> None:
        self.ended = False
        self._held = b""  # of a header that is not whole yet
        self._name = ""
        self._remaining = 0  # bytes of the current file
        self._padding = 0  # bytes behind it
        self._in_file = False
        self._pax: bytearray | None = None  # content of a PAX header that is being read
        self._overrides: dict[str, str] = {}
        self._empty_blocks = 0

    def feed(self, data: bytes) -> t.Iterator[Part]:
        """The parts that ``data`` brings. Raises DamagedError."""
        at = 0
        while at < len(data):
            if self._in_file:
                take = min(self._remaining, len(data) - at)
                self._remaining -= take
                part = self._content(data[at : at + take])
                at += take
                if part is not None:
                    yield part
            elif self._padding:
                take = min(self._padding, len(data) - at)
                self._padding -= take
                at += take
            else:
                take = _BLOCK - len(self._held)
                self._held += data[at : at + take]
                at += take
                if len(self._held) == _BLOCK:
                    block, self._held = self._held, b""
                    yield from self._header(block)

    def _content(self, data: bytes) -> Part | None:
        last = self._remaining == 0
        self._in_file = not last
        if self._pax is None:
            return Part(self._name, data, last)
        self._pax += data
        if last:
            self._overrides, self._pax = _pax_records(bytes(self._pax)), None
        return None

    def _header(self, block: bytes) -> t.Iterator[Part]:
        if block == bytes(_BLOCK):
            self._empty_blocks += 1
            self.ended = self._empty_blocks >= 2
            return
        if self._empty_blocks:
            raise _damaged("something follows its end")
        _check_sum(block)
        size = _number(block[124:136])
        kind = block[156:157]
        if kind == b"x":
            if size > _MAX_PAX_BYTES:
                raise _damaged("a PAX header is too large")
            self._pax = bytearray()
        elif kind in (b"0", b"\0"):
            name = block[:100].rstrip(b"\0")
            prefix = block[345:500].rstrip(b"\0")
            self._name = self._overrides.get("path") or (prefix + b"/" + name if prefix else name).decode(
                "utf-8", "replace"
            )
            if "size" in self._overrides:
                size = _pax_size(self._overrides["size"])
            self._overrides = {}
        else:
            raise _damaged(f"it holds an entry of the unexpected type {kind!r}")
        self._remaining, self._padding, self._in_file = size, -size % _BLOCK, size > 0
        if size == 0 and self._pax is None:
            yield Part(self._name, b"", True)
        elif size == 0:
            self._pax = None


def _damaged(what: str) -> DamagedError:
    return DamagedError(
        f"The tar archive in the snapshot is damaged: {what}.", hint="Use another repository or another backup."
    )


def _check_sum(block: bytes) -> None:
    if sum(block[:148]) + 8 * 0x20 + sum(block[156:]) != _number(block[148:156]):
        raise _damaged("a header does not match its checksum")


def _number(field: bytes) -> int:
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise _damaged("a header holds no number where one must be") from None


def _pax_size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise _damaged("a PAX header holds no number where one must be")
    return int(text)


def _pax_records(data: bytes) -> dict[str, str]:
    """``<length> <key>=<value>\\n`` again and again."""
    records: dict[str, str] = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        length = data[at:space] if space > 0 else b""
        end = at + int(length) if length.isdigit() else 0
        if not space < end <= len(data) or data[end - 1 : end] != b"\n":
            raise _damaged("a PAX header cannot be read")
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals:
            raise _damaged("a PAX header cannot be read")
        records[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at = end
    return records
