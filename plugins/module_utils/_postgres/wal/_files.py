# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The files of a write-ahead log: their names, their first page, and what a timeline's history says. Pure.

Names are those of ``src/include/access/xlog_internal.h``, the first page is ``XLogLongPageHeaderData`` of the same file
(as it lies on a little-endian machine), and a history file is described in ``timeline.c``.
"""

from __future__ import annotations

import dataclasses
import re
import struct
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError

SEGMENT, PARTIAL, HISTORY, LABEL = "segment", "partial", "history", "label"
_NAME = re.compile(
    r"(?P<timeline>[0-9A-F]{8})(?:\.(?P<history>history)|(?P<number>[0-9A-F]{16})"
    r"(?P<rest>\.partial|\.[0-9A-F]{8}\.backup)?)"
)
_LONG_HEADER = struct.Struct("<HHIQIxxxxQII")  # magic, info, timeline, page address, rest, system, segment, block size
_LONG_INFO = 0x0002  # XLP_LONG_HEADER
_LSN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class WalName:
    """A file that PostgreSQL archives. ``number`` is the sixteen digits of a segment; empty for a history file."""

    text: str
    kind: str  # segment, partial, history, label (PostgreSQL calls that a backup history file)
    timeline: int
    number: str = ""

    def index(self, segment_bytes: int) -> int:
        """Which segment it is, counted from the beginning of the log."""
        return int(self.number[:8], 16) * (0x1_0000_0000 // segment_bytes) + int(self.number[8:], 16)


@dataclasses.dataclass(frozen=True)
class SegmentHeader:
    """What the first page of a segment says of it."""

    timeline: int
    address: int
    system_identifier: str
    segment_bytes: int


@dataclasses.dataclass(frozen=True)
class Switch:
    """Where a timeline was left: what was written on it beyond ``at`` is not part of the next one."""

    timeline: int
    at: int


def parse_name(text: str) -> WalName | None:
    """The file of this name; None for one that PostgreSQL would never archive."""
    match = _NAME.fullmatch(text)
    if not match:
        return None
    timeline, rest = int(match["timeline"], 16), match["rest"] or ""
    if match["history"]:
        return WalName(text, HISTORY, timeline)
    kind = PARTIAL if rest == ".partial" else LABEL if rest else SEGMENT
    return WalName(text, kind, timeline, match["number"])


def segment_name(timeline: int, index: int, segment_bytes: int) -> str:
    """The name of a segment, such as ``000000010000000000000002``."""
    in_a_log = 0x1_0000_0000 // segment_bytes
    return f"{timeline:08X}{index // in_a_log:08X}{index % in_a_log:08X}"


def parse_lsn(option: str, text: str) -> int:
    """A position in the log, such as ``0/2000138``, in bytes. Raises OptionError."""
    match = _LSN.fullmatch(text.strip())
    if not match:
        raise OptionError(f"{option}: {text!r} is not a position in the log.", hint="Write it as 0/2000138.")
    return int(match[1], 16) << 32 | int(match[2], 16)


def lsn_text(position: int) -> str:
    """The position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def read_header(content: bytes, name: str) -> SegmentHeader:
    """The first page's header. Raises DamagedError where ``content`` does not begin as a segment does."""
    if len(content) < _LONG_HEADER.size:
        raise DamagedError(f"{name} has {len(content)} bytes: it is not a segment of a write-ahead log.")
    _magic, info, timeline, address, _rest, system, segment_bytes, _block = _LONG_HEADER.unpack_from(content)
    if not info & _LONG_INFO or segment_bytes & (segment_bytes - 1) or not 1 << 20 <= segment_bytes <= 1 << 30:
        raise DamagedError(f"{name} does not begin with the header of a segment of a write-ahead log.")
    return SegmentHeader(timeline, address, str(system), segment_bytes)


def check_segment(content: bytes, name: WalName) -> SegmentHeader:
    """The header of a segment that is whole and is the one that its name says. Raises DamagedError."""
    header = read_header(content, name.text)
    if len(content) != header.segment_bytes:
        raise DamagedError(f"{name.text} has {len(content)} bytes, and its header says {header.segment_bytes}.")
    if header.address != name.index(header.segment_bytes) * header.segment_bytes or header.timeline > name.timeline:
        raise DamagedError(
            f"{name.text} holds the log at {lsn_text(header.address)} of timeline {header.timeline}: it is another "
            "segment than its name says."
        )
    return header


def parse_history(content: bytes, name: str) -> tuple[Switch, ...]:
    """The timelines before this one, the oldest first. Raises DamagedError."""
    switches = []
    for line in content.decode("utf-8", "replace").splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        match = _LSN.fullmatch(words[1]) if len(words) > 1 else None
        if not re.fullmatch("[0-9]{1,10}", words[0]) or match is None:
            raise DamagedError(f"{name} is not a history of timelines: {line[:80]!r}.")
        switches.append(Switch(int(words[0]), int(match[1], 16) << 32 | int(match[2], 16)))
    return tuple(switches)


def shown(names: t.Sequence[str], most: int = 5) -> str:
    """Some names, for an error."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
