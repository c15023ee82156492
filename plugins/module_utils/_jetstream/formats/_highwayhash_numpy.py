# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""HighwayHash-64 of many inputs side by side, with numpy. See ``_highwayhash`` for the function itself.

Inputs are sorted by length and advance one packet of 32 bytes at a time, together; those that have no more packets stay
behind.
"""

from __future__ import annotations

import functools
import importlib
import typing as t

_LANES = 1024  # inputs side by side: their state fits into the second-level cache
_SHUFFLE = (3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7)  # where each byte of 16 comes from


def digests(key: bytes, inputs: t.Sequence[bytes], init0: t.Sequence[int], init1: t.Sequence[int]) -> list[bytes]:
    """The 8-byte digest of each input."""
    order = sorted(range(len(inputs)), key=lambda index: -len(inputs[index]))
    result: list[bytes] = [b""] * len(inputs)
    for start in range(0, len(order), _LANES):
        chosen = order[start : start + _LANES]
        for index, digest in zip(chosen, _batch(key, [inputs[index] for index in chosen], init0, init1)):
            result[index] = digest
    return result


def _batch(key: bytes, inputs: t.Sequence[bytes], init0: t.Sequence[int], init1: t.Sequence[int]) -> t.Iterator[bytes]:
    """The same for at most ``_LANES`` inputs, longest first."""
    np = _numpy()
    lengths = np.fromiter(map(len, inputs), np.int64, len(inputs))
    padded = b"".join([data + bytes(-len(data) & 7) for data in inputs] + [bytes(32)])
    starts = np.zeros(len(inputs), np.int64)
    np.cumsum((lengths[:-1] + 7) >> 3, out=starts[1:])
    state = _State(key, len(inputs), init0, init1)
    words = np.frombuffer(padded, "<u8")
    whole = lengths >> 5
    fewer = np.searchsorted(
        -whole, -np.arange(int(whole[0]) + 1), "left"
    )  # how many inputs have more than k whole packets
    four = np.arange(4)
    for k in range(int(whole[0])):
        active = int(fewer[k])
        state.update(words[(starts[:active] + 4 * k)[:, None] + four])
    rest = lengths & 31
    (partial,) = np.nonzero(rest)
    if len(partial):
        offsets = (starts + 4 * whole)[partial] * 8
        state.finish_partial(
            partial, rest[partial], _last_packets(np.frombuffer(padded, np.uint8), offsets, rest[partial])
        )
    raw = state.result().astype("<u8").tobytes()
    return (raw[at : at + 8] for at in range(0, len(raw), 8))


class _State:
    """The four vectors of every input: arrays of inputs by 4 lanes, so that 16 neighbouring bytes are one pair of
    lanes.
    """

    def __init__(self, key: bytes, count: int, init0: t.Sequence[int], init1: t.Sequence[int]) -> None:
        np = _numpy()
        lanes = np.frombuffer(key, "<u8")
        first, second = np.array(init0, np.uint64), np.array(init1, np.uint64)
        self.v0 = np.tile(first ^ lanes, (count, 1))
        self.v1 = np.tile(second ^ _swapped(lanes), (count, 1))
        self.mul0 = np.tile(first, (count, 1))
        self.mul1 = np.tile(second, (count, 1))
        self._shuffle = np.array(_SHUFFLE)

    def update(self, packets: t.Any) -> None:
        """One packet for each of the first ``len(packets)`` inputs."""
        np = _numpy()
        count = len(packets)
        v0, v1, mul0, mul1 = self.v0[:count], self.v1[:count], self.mul0[:count], self.mul1[:count]
        low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
        v1 += mul0
        v1 += packets
        mul0 ^= (v1 & low) * (v0 >> half)
        v0 += mul1
        mul1 ^= (v0 & low) * (v1 >> half)
        v0 += self._zipped(v1)
        v1 += self._zipped(v0)

    def _zipped(self, vector: t.Any) -> t.Any:
        np = _numpy()
        pairs = vector.view(np.uint8).reshape(-1, 16)
        return np.take(pairs, self._shuffle, axis=1).view(np.uint64).reshape(-1, 4)

    def finish_partial(self, which: t.Any, rest: t.Any, packets: t.Any) -> None:
        """The last packet of the inputs ``which``, that have ``rest`` bytes left."""
        np = _numpy()
        part = _State.__new__(_State)
        part._shuffle = self._shuffle
        part.v0, part.v1, part.mul0, part.mul1 = self.v0[which], self.v1[which], self.mul0[which], self.mul1[which]
        size = rest.astype(np.uint64)[:, None]
        part.v0 += (size << np.uint64(32)) + size
        halves, turn = part.v1.view(np.uint32), rest.astype(np.uint32)[:, None]
        part.v1 = (halves << turn | halves >> (np.uint32(32) - turn)).view(np.uint64)
        part.update(packets)
        self.v0[which], self.v1[which], self.mul0[which], self.mul1[which] = part.v0, part.v1, part.mul0, part.mul1

    def result(self) -> t.Any:
        """The digests, as numbers."""
        for _round in range(4):
            self.update(_swapped(self.v0[:, (2, 3, 0, 1)]))
        return self.v0[:, 0] + self.v1[:, 0] + self.mul0[:, 0] + self.mul1[:, 0]


def _swapped(vector: t.Any) -> t.Any:
    """Both halves of each number exchanged."""
    half = _numpy().uint64(32)
    return vector >> half | vector << half


def _last_packets(data: t.Any, offsets: t.Any, rest: t.Any) -> t.Any:
    """The last packet of each input, whose ``rest`` bytes begin at ``offsets`` of ``data``."""
    positions, filled = _last_packet_table()
    packets = data[offsets[:, None] + positions[rest]] * filled[rest]
    return packets.view("<u8")


@functools.cache
def _last_packet_table() -> tuple[t.Any, t.Any]:
    """For 0 to 31 bytes left: which of them stands at each place of the packet, and which places are filled."""
    np = _numpy()
    positions, filled = np.zeros((32, 32), np.int64), np.zeros((32, 32), np.uint8)
    for size in range(1, 32):
        aligned = size & ~3
        places = {at: at for at in range(aligned)}
        if size & 16:
            places.update({28 + at: size - 4 + at for at in range(4)})
        elif size & 3:
            places.update({16: aligned, 17: aligned + (size & 3) // 2, 18: size - 1})
        for at, source in places.items():
            positions[size, at], filled[size, at] = source, 1
    return positions, filled


@functools.cache
def _numpy() -> t.Any:
    return importlib.import_module("numpy")
