# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""CRC-32C (Castagnoli), the checksum of every chunk of an S2 stream.

With the library google-crc32c it costs nothing that can be measured; without it a table in Python does about 3 MB/s.
"""

from __future__ import annotations

import functools
import importlib
import typing as t

_POLYNOMIAL = 0x82F63B78  # reflected, RFC 3720 appendix B.4
_MASK_DELTA = 0xA282EAD8  # the Snappy framing format, section 3: a CRC over data that holds CRCs is masked


def crc32c(data: bytes) -> int:
    """The CRC-32C of ``data``, as an unsigned number of 32 bits."""
    return _function()(data)


def masked_crc32c(data: bytes) -> int:
    """The CRC-32C as the Snappy and S2 framing formats store it: rotated right by 15 bits, plus a constant."""
    value = _function()(data)
    return ((value >> 15 | value << 17) + _MASK_DELTA) & 0xFFFFFFFF


def in_python(data: bytes) -> int:
    """The same without any library."""
    table, value = _table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


@functools.cache
def _function() -> t.Callable[[bytes], int]:
    try:
        library: t.Any = importlib.import_module("google_crc32c")
    except ImportError:
        return in_python
    value: t.Callable[[bytes], int] = library.value
    return value


@functools.cache
def _table() -> tuple[int, ...]:
    table = []
    for index in range(256):
        value = index
        for _bit in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)
