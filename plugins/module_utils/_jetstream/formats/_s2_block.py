# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One block of S2: the Snappy block format with repeated offsets.

Facts: github.com/klauspost/compress, s2/decode_other.go; github.com/google/snappy, format_description.txt. No library
on PyPI decodes it.
"""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError

MAX_BLOCK_BYTES = 4 << 20  # of decoded data; what the format allows at most


def damaged(what: str) -> DamagedError:
    """The error for a compressed block that cannot be what its writer wrote."""
    return DamagedError(f"The S2 stream is damaged: {what}.", hint="Use another repository or another backup.")


def decode_block(source: bytes) -> bytearray:
    """The decoded bytes. Raises DamagedError; never gives more than MAX_BLOCK_BYTES, whatever the block says."""
    try:
        size, start = _length(source)
        if size > MAX_BLOCK_BYTES:
            raise damaged(f"a block says that it holds {size} bytes")
        result = _decode(source, start, size)
    except IndexError:
        raise damaged("a block ends in the middle of an instruction") from None
    if len(result) != size:
        raise damaged(f"a block of {size} bytes decodes to {len(result)}")
    return result


def _length(source: bytes) -> tuple[int, int]:
    """The length of the decoded block, a varint, and where the instructions begin."""
    size = shift = at = 0
    while True:
        byte = source[at]
        at += 1
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return size, at
        shift += 7
        if shift > 28:
            raise damaged("the length of a block is not a 32-bit number")


def _long_literal(source: bytes, at: int, width: int) -> tuple[int, int]:
    """The length of a literal that is written in so many bytes, less one, and where these end."""
    if at + width > len(source):
        raise damaged("a block ends in the length of a literal")
    return int.from_bytes(source[at : at + width], "little"), at + width


def _decode(source: bytes, at: int, size: int) -> bytearray:
    """Run the instructions: literals, and copies of what has been decoded.

    One loop, no calls: this is where offline verification spends half its time. A literal that the source cuts short
    makes the result too short, which the caller sees.
    """
    out = bytearray()
    done = offset = 0
    end = len(source)
    while at < end:
        tag = source[at]
        kind = tag & 3
        if kind == 2:  # copy, offset of 16 bits
            length = (tag >> 2) + 1
            offset = source[at + 1] | source[at + 2] << 8
            at += 3
        elif kind == 0:  # literal
            length = tag >> 2
            at += 1
            if length >= 60:
                length, at = _long_literal(source, at, length - 59)
            length += 1
            out += source[at : at + length]
            at += length
            done += length
            continue
        elif kind == 1:  # copy, offset of 11 bits; 0 is the offset of the copy before
            length = tag >> 2 & 7
            low = source[at + 1] | (tag & 0xE0) << 3
            at += 2
            if low:
                offset = low
            elif length == 5:
                length = source[at] + 4
                at += 1
            elif length == 6:
                length = (source[at] | source[at + 1] << 8) + (1 << 8)
                at += 2
            elif length == 7:
                length = (source[at] | source[at + 1] << 8 | source[at + 2] << 16) + (1 << 16)
                at += 3
            length += 4
        else:  # copy, offset of 32 bits
            length = (tag >> 2) + 1
            offset = source[at + 1] | source[at + 2] << 8 | source[at + 3] << 16 | source[at + 4] << 24
            at += 5
        begin = done - offset
        if begin < 0 or not offset:
            raise damaged("a copy points before the start of its block")
        if length <= offset:
            out += out[begin : begin + length]
        else:  # the copy reads what it writes
            out += (out[begin:] * (length // offset + 1))[:length]
        done += length
        if done > size:  # before a hostile block fills the memory
            raise damaged("a block decodes to more than it says")
    return out
