# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How streams are cut into parts, and what parts may hold in memory together."""

from __future__ import annotations

import base64
import threading
import typing as t
import zlib

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._parts import (
    LARGEST_FILE,
    LARGEST_PART,
    MIB,
    MOST_PARTS,
    MOST_PARTS_HELD,
    SMALLEST_PART,
    MemoryBudget,
    Part,
    Share,
    part_size_at,
    part_size_for,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

estimates = st.integers(min_value=0, max_value=LARGEST_FILE)


class TestPartSizes:
    """S3 takes 10,000 parts of 5 MiB to 5 GiB."""

    @given(estimates)
    @settings(deadline=None)
    def test_the_estimate_takes_at_most_9000_parts_of_whole_mib(self, estimated: int) -> None:
        size = part_size_for(estimated)
        assert size >= SMALLEST_PART
        assert size % MIB == 0
        assert -(-estimated // size) <= 9_000

    @given(estimates)
    @settings(max_examples=examples(40), deadline=None)
    def test_a_file_of_5_tib_fits_after_any_estimate(self, estimated: int) -> None:
        first = part_size_for(estimated)
        sizes = [part_size_at(number, first) for number in range(1, MOST_PARTS + 1)]
        assert sum(sizes) >= LARGEST_FILE
        assert sizes == sorted(sizes)
        assert max(sizes) <= LARGEST_PART

    @given(estimates)
    @settings(deadline=None)
    def test_a_right_estimate_gives_equal_parts(self, estimated: int) -> None:
        first = part_size_for(estimated)
        last = max(1, -(-estimated // first))
        assert {part_size_at(number, first) for number in (1, last // 2 + 1, last)} == {first}

    @pytest.mark.parametrize(
        ("estimated", "mib"),
        [(-1, 8), (0, 8), (46 << 30, 8), (375 << 30, 64), (1 << 40, 175), (5 << 40, 583), (9 << 40, 583)],
    )
    def test_sizes_are_those_of_the_documentation(self, estimated: int, mib: int) -> None:
        assert part_size_for(estimated) == mib * MIB

    def test_parts_grow_by_the_same_step_after_the_steady_ones(self) -> None:
        sizes = [part_size_at(number, 8 * MIB) for number in (6_000, 6_001, 6_002, 6_003)]
        assert sizes[0] == 8 * MIB
        assert sizes[1] - sizes[0] == sizes[2] - sizes[1] == sizes[3] - sizes[2] > 0


class TestPart:
    """Nothing is lost, doubled or changed on the way through a part."""

    @given(
        st.lists(st.binary(max_size=300) | st.integers(1, 3).map(lambda n: bytes(n * 70_000)), max_size=8),
        st.integers(0, 500_000),
    )
    @settings(deadline=None)
    def test_a_body_gives_back_what_went_in_from_any_position(self, pieces: list[bytes], position: int) -> None:
        whole = b"".join(pieces)
        part = Part(10 * MIB)
        for piece in pieces:
            part.append(piece)
        body = part.body(lambda: None)
        assert (part.length, part.room) == (len(whole), 10 * MIB - len(whole))
        assert body.read() == whole
        assert body.read(1) == b""
        body.seek(position)
        assert b"".join(iter(lambda: bytes(body.read(16_384)), b"")) == whole[position:]
        assert (body.seek(0, 2), body.tell()) == (len(whole), len(whole))
        assert part.crc32() == base64.b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode()

    def test_large_pieces_are_not_copied(self) -> None:
        piece = bytes(100_000)
        part = Part(MIB)
        part.append(piece)
        assert part.pieces[0] is piece

    def test_many_small_pieces_are_few_in_memory(self) -> None:
        part = Part(MIB)
        for _turn in range(10_000):
            part.append(b"x" * 100)
        assert len(part.pieces) < 20

    def test_a_check_that_raises_ends_the_reading(self) -> None:
        def stop() -> None:
            raise TimeoutError

        part = Part(MIB)
        part.append(b"x")
        with pytest.raises(TimeoutError):
            part.body(stop).read(1)


class TestMemoryBudget:
    """Bounded, and nobody starves."""

    @given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 3))
    @settings(max_examples=examples(25), deadline=None)
    def test_writers_together_stay_within_the_limit_but_for_one_part_each(self, sizes: list[int], writers: int) -> None:
        budget, highest, lock = MemoryBudget(64), [0], threading.Lock()

        def work() -> None:
            share, held = Share(budget), []
            for size in sizes:

                def give_back() -> None:
                    if held:
                        share.release(held.pop(0))

                share.reserve(size, give_back)
                held.append(size)
                with lock:
                    highest[0] = max(highest[0], budget.used_bytes)
                assert len(held) <= MOST_PARTS_HELD
                assert len(held) == 1 or sum(held) <= 64
            share.release_all()

        threads = [threading.Thread(target=work, daemon=True) for _number in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        assert highest[0] <= 64 + (writers - 1) * max(sizes) or highest[0] <= writers * max(sizes)
        assert budget.used_bytes == 0

    def test_a_part_larger_than_the_limit_is_held_alone(self) -> None:
        share = Share(MemoryBudget(64))
        share.reserve(1000, fail)

        def refused() -> None:
            raise InterruptedError

        with pytest.raises(InterruptedError):
            share.reserve(1, refused)

    def test_who_waits_goes_on_when_memory_is_given_back(self) -> None:
        share = Share(MemoryBudget(64))
        share.reserve(60, fail)
        timer = threading.Timer(0.05, share.release, (60,))
        timer.start()
        share.reserve(60, lambda: None)
        timer.join()


def fail() -> t.NoReturn:
    raise AssertionError("nobody should wait here")
