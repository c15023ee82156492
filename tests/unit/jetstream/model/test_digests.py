# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digests of a stream, against a plain dictionary."""

from __future__ import annotations

import hashlib
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests
from hypothesis import given, settings
from hypothesis import strategies as st

_SMALL, _LARGE = 44 * 5, 64 << 20  # bytes: five messages, all messages
_sequences = st.lists(st.integers(1, 10_000), max_size=60)
_ranges = st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 50)), max_size=4)


def _digest(sequence: int, salt: bytes = b"") -> bytes:
    return hashlib.sha256(b"%d" % sequence + salt).digest()


def _filled(sequences: t.Iterable[int], memory_bytes: int = _LARGE) -> Digests:
    digests = Digests(memory_bytes=memory_bytes)
    for sequence in sequences:
        digests.add(sequence, _digest(sequence), sequence % 7)
    return digests


@settings(deadline=None)
@given(_sequences, _sequences, _ranges, st.sampled_from([_SMALL, _LARGE]), st.booleans())
def test_they_are_a_sorted_dictionary_without_what_is_discarded(
    added: list[int], discarded: list[int], ranges: list[tuple[int, int]], memory_bytes: int, discard_first: bool
) -> None:
    digests = Digests(memory_bytes=memory_bytes)

    def discard() -> None:
        for sequence in discarded:
            digests.discard(sequence)
        for first, more in ranges:
            digests.discard_range(first, first + more)

    if discard_first:
        discard()
    for sequence in added:
        digests.add(sequence, _digest(sequence), sequence % 7)
    assert len(digests) <= len(added)
    if not discard_first:
        discard()
    gone = set(discarded).union(*(range(first, first + more + 1) for first, more in ranges))
    live = sorted(set(added) - gone)
    assert list(digests) == [(sequence, _digest(sequence)) for sequence in live]
    assert (len(digests), digests.first, digests.last) == (len(live), live[0] if live else 0, live[-1] if live else 0)
    assert digests.fingerprint() == hashlib.sha256(b"".join(map(_digest, live))).hexdigest()
    assert digests.total_bytes == sum(sequence % 7 for sequence in live)
    digests.close()


def test_the_first_digest_of_a_sequence_counts() -> None:
    digests = _filled((1, 2, 3))
    digests.add(2, _digest(2, b"later"))
    assert list(digests) == [(sequence, _digest(sequence)) for sequence in (1, 2, 3)]


def test_bits_discard_what_they_stand_for() -> None:
    digests = _filled(range(1, 5000))
    digests.discard_bits(2048, bytes((0b101,)) + bytes(254) + b"\x80")
    digests.discard_bits(4097, b"\x02")  # not where a page begins
    assert {sequence for sequence, _digest in digests} == set(range(1, 5000)) - {2048, 2050, 4095, 4098}


@settings(deadline=None)
@given(
    st.sets(st.integers(1, 200)),
    st.sets(st.integers(1, 200)),
    st.sets(st.integers(1, 200)),
    st.sampled_from([_SMALL, _LARGE]),
)
def test_a_difference_names_what_is_missing_extra_and_changed(
    ours: set[int], theirs: set[int], changed: set[int], memory_bytes: int
) -> None:
    mine, other = _filled(sorted(ours)), Digests(memory_bytes=memory_bytes)
    for sequence in sorted(theirs):
        other.add(sequence, _digest(sequence, b"changed" if sequence in changed else b""))
    difference = mine.difference(other)
    expected = sorted(ours - theirs), sorted(theirs - ours), sorted(ours & theirs & changed)
    assert (difference.missing, difference.extra, difference.changed) == tuple(map(len, expected))
    assert difference.missing_sequences == expected[0][:20]
    assert difference.extra_sequences == expected[1][:20]
    assert difference.changed_sequences == expected[2][:20]
    assert bool(difference) == any(expected)
    other.close()


def test_beyond_their_bound_they_are_in_a_file_that_has_no_name(tmp_path: pathlib.Path) -> None:
    digests = Digests(memory_bytes=_SMALL, temporary_dir=str(tmp_path))
    for sequence in range(1, 1000):
        digests.add(sequence, _digest(sequence))
    assert list(tmp_path.iterdir()) == []
    assert digests.fingerprint() == _filled(range(1, 1000)).fingerprint()
    digests.close()


def test_a_folder_that_is_not_there_is_an_error_and_not_a_short_list(tmp_path: pathlib.Path) -> None:
    digests = Digests(memory_bytes=_SMALL, temporary_dir=str(tmp_path / "missing"))
    with pytest.raises(OSError, match="missing"):
        for sequence in range(1, 1000):
            digests.add(sequence, _digest(sequence))
