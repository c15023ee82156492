# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""HighwayHash-64, the checksum that a NATS server writes behind every record of its file store.

Three engines give the same numbers: the library highwayhash-cffi (compiled C), numpy (many inputs side by side), and
Python alone. Facts: github.com/google/highwayhash, c/highwayhash.c; the server uses github.com/minio/highwayhash,
digest little-endian.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import struct
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _highwayhash_numpy as in_numpy

INIT0: tuple[int, ...] = (0xDBE6D5D5FE4CCE2F, 0xA4093822299F31D0, 0x13198A2E03707344, 0x243F6A8885A308D3)
INIT1: tuple[int, ...] = (0x3BD39E10CB0EF593, 0xC0ACF169B5F18A8C, 0xBE5466CF34E90C6C, 0x452821E638D01377)
_MASK = (1 << 64) - 1
_LOW = (1 << 32) - 1
_FEW = 4  # inputs up to which numpy's calls cost more than they save
_MANY, _IN_CACHE = 8192, 64
_PACKET = struct.Struct("<4Q")
_KNOWN_KEY = bytes(range(32))
_KNOWN_INPUTS = [bytes(range(size)) for size in (0, 1, 18, 100)]  # with every kind of last packet

Engine = t.Callable[[bytes, t.Sequence[bytes]], bytes]  # key and inputs to digests, one behind the other


def key_of(name: str) -> bytes:
    """The key of one object's records: ``<stream>``, ``<stream>-<block number>`` or ``<stream>/<consumer>``
    (server/filestore.go).
    """
    return hashlib.sha256(name.encode()).digest()


def engine() -> str:
    """Which engine is used on this host: ``highwayhash``, ``numpy`` or ``python``."""
    return _engine()[0]


def side_by_side() -> int:
    """How many inputs are best hashed with one call.

    Numpy wants many; the compiled library wants them while they are in the cache.
    """
    return _IN_CACHE if engine() == "highwayhash" else _MANY


def digests(key: bytes, inputs: t.Sequence[bytes]) -> bytes:
    """The digest of each input, 8 bytes each, one behind the other."""
    return _engine()[1](key, inputs)


def in_python(key: bytes, inputs: t.Sequence[bytes]) -> list[bytes]:
    """The same without any library: about 2.7 MB/s."""
    return [_one(key, data) for data in inputs]


def compiled() -> Engine | None:
    """The compiled library; None where it is not installed, or cannot be used as it is.

    Its own ``highwayhash_64`` copies the key and checks it anew for each input, which takes three times as long as
    hashing 130 bytes.
    """
    try:
        extension: t.Any = importlib.import_module("highwayhash._highwayhash")
        hash_64, new = extension.lib.HighwayHash64, extension.ffi.new
    except (ImportError, AttributeError):
        return None

    def in_c(key: bytes, inputs: t.Sequence[bytes]) -> bytes:
        words = new("uint64_t[4]", _PACKET.unpack(key))
        return struct.pack(f"<{len(inputs)}Q", *[hash_64(data, len(data), words) for data in inputs])

    return in_c if in_c(_KNOWN_KEY, _KNOWN_INPUTS) == b"".join(in_python(_KNOWN_KEY, _KNOWN_INPUTS)) else None


@functools.cache
def _engine() -> tuple[str, Engine]:
    in_c = compiled()
    if in_c is not None:
        return "highwayhash", in_c
    if importlib.util.find_spec("numpy") is not None:
        return "numpy", with_numpy
    return "python", lambda key, inputs: b"".join(in_python(key, inputs))


def with_numpy(key: bytes, inputs: t.Sequence[bytes]) -> bytes:
    """The same with numpy: about 500 MB/s for 4 KiB, when there are many."""
    return b"".join(in_python(key, inputs) if len(inputs) < _FEW else in_numpy.digests(key, inputs, INIT0, INIT1))


def _one(key: bytes, data: bytes) -> bytes:
    lanes: tuple[int, ...] = _PACKET.unpack(key)
    v0 = [a ^ b for a, b in zip(INIT0, lanes)]
    v1 = [a ^ (b >> 32 | b << 32 & _MASK) for a, b in zip(INIT1, lanes)]
    mul0, mul1 = list(INIT0), list(INIT1)
    whole = len(data) & ~31
    for at in range(0, whole, 32):
        _update(v0, v1, mul0, mul1, _PACKET.unpack_from(data, at))
    rest = len(data) & 31
    if rest:
        for lane in range(4):
            v0[lane] = v0[lane] + (rest << 32) + rest & _MASK
            low, high = v1[lane] & _LOW, v1[lane] >> 32
            v1[lane] = (low << rest | low >> 32 - rest) & _LOW | ((high << rest | high >> 32 - rest) & _LOW) << 32
        _update(v0, v1, mul0, mul1, _PACKET.unpack(_last_packet(data[whole:])))
    for _round in range(4):
        _update(v0, v1, mul0, mul1, tuple(v >> 32 | v << 32 & _MASK for v in (v0[2], v0[3], v0[0], v0[1])))
    result: int = v0[0] + v1[0] + mul0[0] + mul1[0] & _MASK
    return result.to_bytes(8, "little")


def _last_packet(rest: bytes) -> bytes:
    """The 1 to 31 bytes that are left, as the last packet of 32."""
    size = len(rest)
    aligned = size & ~3
    packet = bytearray(32)
    packet[:aligned] = rest[:aligned]
    if size & 16:
        packet[28:] = rest[size - 4 :]
    elif size & 3:
        packet[16:19] = bytes((rest[aligned], rest[aligned + (size & 3) // 2], rest[size - 1]))
    return bytes(packet)


def _update(v0: list[int], v1: list[int], mul0: list[int], mul1: list[int], packet: t.Sequence[int]) -> None:
    for i in range(4):
        v1[i] = a = v1[i] + mul0[i] + packet[i] & _MASK
        mul0[i] ^= (a & _LOW) * (v0[i] >> 32)
        v0[i] = b = v0[i] + mul1[i] & _MASK
        mul1[i] ^= (b & _LOW) * (a >> 32)
    for i in (0, 2):
        _zipper_merge(v0, v1[i + 1], v1[i], i)
    for i in (0, 2):
        _zipper_merge(v1, v0[i + 1], v0[i], i)


def _zipper_merge(into: list[int], high: int, low: int, i: int) -> None:
    """Add the 16 bytes of ``low`` and ``high``, shuffled, to the lanes ``i`` and ``i + 1``."""
    into[i] = (
        into[i]
        + (
            (low & 0xFF000000 | high & 0xFF00000000) >> 24
            | (low & 0xFF0000000000 | high & 0xFF000000000000) >> 16
            | low & 0xFF0000
            | (low & 0xFF00) << 32
            | (high & 0xFF00000000000000) >> 8
            | (low & 0xFF) << 56
        )
        & _MASK
    )
    into[i + 1] = (
        into[i + 1]
        + (
            (high & 0xFF000000 | low & 0xFF00000000) >> 24
            | high & 0xFF0000
            | (high & 0xFF0000000000) >> 16
            | (high & 0xFF00) << 24
            | (low & 0xFF000000000000) >> 8
            | (high & 0xFF) << 48
            | low & 0xFF00000000000000
        )
        & _MASK
    )
