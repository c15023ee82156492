# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Follows the frames of a zstd stream, without decompressing, to know whether it ends where a frame ends.

Decompressors for streams give what they can and take the end of their input for the end of the data. Format: RFC 8878,
section 3.1.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError

_FRAME_MAGIC = 0xFD2FB528
_SKIPPABLE_MAGIC = range(0x184D2A50, 0x184D2A60)
_RLE_BLOCK, _RESERVED_BLOCK = 1, 3
_HINT = "Use this backup's copy in another repository, or another backup; keep this copy for the investigation."


class FrameWalker:
    """Give it every piece with ``walk``, then call ``finish``. Both raise DamagedError."""

    def __init__(self) -> None:
        self.frames = 0  # begun so far, skippable ones too
        self._position = 0
        self._field = bytearray()  # the part of the present field that has come
        self._skip = 0  # bytes that are content, whatever they are
        self._checksum_bytes = 0
        self._expect(4, self._magic)

    def walk(self, piece: bytes) -> None:
        """Follow the next bytes of the stream."""
        at, end = 0, len(piece)
        while at < end:
            if self._skip:
                step = min(self._skip, end - at)
                self._skip -= step
            else:
                step = min(self._wanted - len(self._field), end - at)
                self._field += piece[at : at + step]
                if len(self._field) == self._wanted:
                    value = int.from_bytes(self._field, "little")
                    self._field.clear()
                    self._meaning(value)
            at += step
            self._position += step

    def finish(self) -> None:
        """Raise DamagedError unless the bytes so far were whole frames, and at least one."""
        if not self.frames:
            raise DamagedError("A zstd stream has no content at all: it was cut.", hint=_HINT)
        if self._skip or self._field or self._wanted != 4 or self._meaning != self._magic:
            raise DamagedError(
                f"A zstd stream ends within frame {self.frames}, after {self._position} bytes: it was cut.", hint=_HINT
            )

    def _expect(self, count: int, meaning: t.Callable[[int], None]) -> None:
        self._wanted, self._meaning = count, meaning

    def _magic(self, value: int) -> None:
        self.frames += 1
        if value == _FRAME_MAGIC:
            self._expect(1, self._descriptor)
        elif value in _SKIPPABLE_MAGIC:
            self._expect(4, self._skippable_size)
        elif self.frames == 1:
            raise DamagedError(
                "A zstd stream does not begin as one: it was changed, or it is something else.", hint=_HINT
            )
        else:
            raise DamagedError(
                f"A zstd stream goes on after its end: what follows frame {self.frames - 1} is not a zstd frame.",
                hint=_HINT,
            )

    def _skippable_size(self, value: int) -> None:
        self._skip = value
        self._expect(4, self._magic)

    def _descriptor(self, value: int) -> None:
        single_segment = value >> 5 & 1
        content_size_bytes = (single_segment, 2, 4, 8)[value >> 6]
        dictionary_id_bytes = (0, 1, 2, 4)[value & 3]
        self._checksum_bytes = 4 * (value >> 2 & 1)
        self._skip = (1 - single_segment) + dictionary_id_bytes + content_size_bytes
        self._expect(3, self._block)

    def _block(self, value: int) -> None:
        last, kind, size = value & 1, value >> 1 & 3, value >> 3
        if kind == _RESERVED_BLOCK:
            raise DamagedError(
                f"A zstd stream has an impossible block in frame {self.frames}: it was changed.", hint=_HINT
            )
        self._skip = 1 if kind == _RLE_BLOCK else size
        if last:
            self._skip += self._checksum_bytes
            self._expect(4, self._magic)
