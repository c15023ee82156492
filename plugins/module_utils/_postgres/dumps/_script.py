# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""An SQL script, taken apart as psql does, without psql: a script may hold ``\\!``, which runs a program on the client.

What psql reads is described in ``src/fe_utils/psqlscan.l``: strings, quoted names, dollar quotes, comments, parentheses
and ``BEGIN ATOMIC`` hold semicolons that end nothing. Pure.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError

_TOKEN = re.compile(
    rb"'|\"|\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$|--|/\*|\*/|[();]|\\"
    rb"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*"
)
_IN_STRING = re.compile(rb"'")
_IN_ESCAPED = re.compile(rb"\\.|'", re.DOTALL)
_COPY = re.compile(rb"\s*copy\s.*\sfrom\s+stdin\b[^;]*;\s*$", re.IGNORECASE | re.DOTALL)
_ROUTINE = re.compile(rb"\s*create\s+(?:or\s+replace\s+)?(?:function|procedure)\b", re.IGNORECASE)
_BEGINNING_OR_END = re.compile(rb"^-- PostgreSQL database (cluster )?dump( complete)?\s*$")
_MOST_BYTES = 1 << 30  # of one statement


@dataclasses.dataclass(frozen=True)
class Statement:
    """One statement, with its semicolon. ``copies`` says that rows follow, which have to be read from the script."""

    text: bytes
    line: int
    copies: bool = False


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of psql, such as ``\\connect shop``."""

    text: bytes
    line: int


class Script:
    """Iterate over it, and read the ``rows`` of each statement that copies before going on."""

    def __init__(self, pieces: t.Iterable[bytes]) -> None:
        self._lines = _lines(pieces)
        self._number = 0
        self._state = _State()
        self._ended = False
        self._open: list[bytes] = []  # dumps that have begun: that of a cluster has one of each database in it

    @property
    def complete(self) -> bool:
        """Whether the words with which pg_dump and pg_dumpall end were seen, for each dump that is in the script."""
        return self._ended and not self._open

    @property
    def cut(self) -> bool:
        """Whether a dump that has begun did not end."""
        return bool(self._open)

    def __iter__(self) -> t.Iterator[Statement | Command]:
        text, first = bytearray(), 1
        for line in self._next_lines():
            if not text.strip():
                text.clear()
                first = self._number
                if line.startswith(b"\\"):
                    yield Command(line.strip(), self._number)
                    continue
            if not self._state.inside and line.startswith(b"--"):
                self._mark(line)
                continue
            at = 0
            for end in self._state.ends(line, text):
                text += line[at:end]
                at = end
                yield self._statement(bytes(text), first)
                text.clear()
                self._state.begin()
                first = self._number
            text += line[at:]
            if len(text) > _MOST_BYTES:
                raise DamagedError(f"The statement in line {first} of the script is longer than {_MOST_BYTES} bytes.")
        if text.strip() or self._state.inside:
            raise DamagedError(f"The script ends in the middle of the statement in line {first}: it was cut.")

    def _mark(self, comment: bytes) -> None:
        """Note what begins or ends with this line."""
        found = _BEGINNING_OR_END.match(comment)
        if found and not found[2]:
            self._open.append(found[1])
        elif found:
            self._ended = True
            if found[1] in self._open:  # what began within it has not ended
                lost = len(self._open) - 1 - self._open[::-1].index(found[1])
                self._open = self._open[:lost] + self._open[lost + 1 :]

    def _statement(self, text: bytes, line: int) -> Statement:
        return Statement(text, line, _COPY.match(text) is not None)

    def rows(self) -> t.Iterator[bytes]:
        """The rows that follow, each with its end. Raises DamagedError where the script ends among them."""
        for line in self._next_lines():
            if line.rstrip(b"\r\n") == b"\\.":
                return
            yield line
        raise DamagedError("The script ends in the middle of the rows of a table: it was cut.")

    def _next_lines(self) -> t.Iterator[bytes]:
        for line in self._lines:
            self._number += 1
            yield line


class _State:
    """Where in a statement the script is."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A statement begins."""
        self._quote = b""  # what ends the quote that is open: ' or " or a dollar tag; E for an escaped string
        self._comments = self._parentheses = self._blocks = 0

    @property
    def inside(self) -> bool:
        """Whether a quote, a comment, a parenthesis or a body is open."""
        return bool(self._quote or self._comments or self._parentheses or self._blocks)

    def ends(self, line: bytes, before: bytearray) -> t.Iterator[int]:
        """Where in the line statements end. ``before`` is what the statement has in earlier lines."""
        at, word = 0, b""
        start = 0  # of the present statement in this line
        while at < len(line):
            if self._quote:
                at = self._close_quote(line, at)
                continue
            match = _TOKEN.search(line, at)
            if match is None:
                return
            token, at = match[0], match.end()
            if self._comments:
                self._comments += {b"/*": 1, b"*/": -1}.get(token, 0)
            elif token == b"--":
                return
            elif token == b"/*":
                self._comments = 1
            elif token == b"'":
                self._quote = b"E" if word.lower() == b"e" and match.start() == self._word_end else b"'"
            elif token == b'"' or token.startswith(b"$"):
                self._quote = token
            elif token in b"()" and len(token) == 1:
                self._parentheses = max(0, self._parentheses + (1 if token == b"(" else -1))
            elif token == b";":
                if not self._parentheses and not self._blocks:
                    yield at
                    start = at
            elif token != b"\\" and token != b"*/":
                self._count_blocks(token.lower(), word.lower(), bytes(before) + line[start:at])
                word, self._word_end = token, at
        return

    _word_end = -1

    def _close_quote(self, line: bytes, at: int) -> int:
        if self._quote == b"E":
            match = _IN_ESCAPED.search(line, at)
            if match is None:
                return len(line)
            if match[0] == b"'":
                self._quote = b""
            return match.end()
        found = line.find(self._quote, at)
        if found < 0:
            return len(line)
        end = found + len(self._quote)
        self._quote = b""
        return end

    def _count_blocks(self, word: bytes, before: bytes, text: bytes) -> None:
        """``BEGIN ATOMIC`` of a routine, with the CASE and END in it."""
        if word == b"atomic" and before == b"begin" and _ROUTINE.match(text):
            self._blocks = 1
        elif self._blocks and word in (b"case", b"begin"):
            self._blocks += 1
        elif self._blocks and word == b"end":
            self._blocks -= 1


def _lines(pieces: t.Iterable[bytes]) -> t.Iterator[bytes]:
    rest: list[bytes] = []
    for piece in pieces:
        *whole, last = piece.split(b"\n")
        if whole:
            yield b"".join((*rest, whole[0], b"\n"))
            for line in whole[1:]:
                yield line + b"\n"
            rest = []
        if last:
            rest.append(last)
    if rest:
        yield b"".join(rest)
