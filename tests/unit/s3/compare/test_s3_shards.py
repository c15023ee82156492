# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ranges of keys: every key is in exactly one, whatever the cuts."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._key_ranges import Alphabet, Range, evenly, middle
from hypothesis import given
from hypothesis import strategies as st

_KEYS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12).map(lambda text: text.encode())
_LIKELY = st.from_regex(r"\A(chunks|logs)/[0-9a-f]{2}/[0-9a-f]{8}\Z").map(str.encode)


@given(st.lists(_KEYS | _LIKELY), st.none() | _KEYS, st.none() | _KEYS, _KEYS | _LIKELY)
def test_every_key_of_a_range_is_in_exactly_one_piece(
    at: list[bytes], after: bytes | None, until: bytes | None, key: bytes
) -> None:
    whole = Range(after, until)
    pieces = whole.cut(at)
    assert sum(piece.holds(key) for piece in pieces) == whole.holds(key)
    assert pieces[0].after == after and pieces[-1].until == until


@given(
    st.lists(_KEYS | _LIKELY, max_size=20),
    _KEYS | _LIKELY,
    st.none() | _KEYS | _LIKELY,
    st.sampled_from([b"", b"chunks/"]),
)
def test_the_middle_is_between_and_is_text(seen: list[bytes], after: bytes, until: bytes | None, prefix: bytes) -> None:
    alphabet = Alphabet()
    for key in seen:
        alphabet.note(key)
    found = middle(after, until, alphabet, prefix)
    if found is not None:
        assert after < found and (until is None or found < until)
        found.decode("utf-8")


def test_the_middle_of_seen_keys_halves_them() -> None:
    keys = [f"chunks/{number:02x}/x".encode() for number in range(256)]
    alphabet = Alphabet()
    for key in keys:
        alphabet.note(key)
    found = middle(keys[0], None, alphabet)
    assert found is not None
    below = sum(key <= found for key in keys)
    assert 64 <= below <= 192


def test_a_cut_goes_where_keys_differ_and_not_into_their_common_part() -> None:
    alphabet = Alphabet()
    for number in range(10):
        alphabet.note(f"logs/2026/11/2{number}/{number}a".encode())
    assert middle(b"logs/2026/11/20/0a", b"logs/2026/11/29/9a", alphabet) == b"logs/2026/11/25"


@given(st.lists(_KEYS, unique=True).map(sorted), st.integers(1, 50))
def test_evenly_gives_keys_of_the_list_in_order(keys: list[bytes], count: int) -> None:
    chosen = evenly(keys, count)
    assert len(chosen) <= count and chosen == sorted(set(chosen)) and set(chosen) <= set(keys)
