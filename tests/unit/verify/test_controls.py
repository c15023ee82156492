# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Damage on purpose, and a verifier that must see it."""

from __future__ import annotations

import collections.abc
import hashlib
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import verdict_of
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._controls import (
    artifact_controls,
    cut_tail,
    flip_byte,
)
from hypothesis import given
from hypothesis import strategies as st

_PIECES = st.lists(st.binary(max_size=5), max_size=8)


@given(_PIECES, st.integers(0, 45))
def test_exactly_one_bit_changes_wherever_the_pieces_end(pieces: list[bytes], offset: int) -> None:
    whole = b"".join(pieces)
    damaged = b"".join(flip_byte(offset)(iter(pieces)))
    assert len(damaged) == len(whole)
    changed = [number for number in range(len(whole)) if whole[number] != damaged[number]]
    assert changed == ([offset] if offset < len(whole) else [])


@given(_PIECES, st.integers(0, 45))
def test_exactly_the_tail_is_cut_off(pieces: list[bytes], length: int) -> None:
    assert b"".join(cut_tail(length)(iter(pieces))) == b"".join(pieces)[:length]


def test_cutting_closes_what_it_reads() -> None:
    closed = []

    def pieces() -> collections.abc.Iterator[bytes]:
        try:
            yield b"ab"
            yield b"cd"
            yield b"ef"
        finally:
            closed.append(True)

    assert b"".join(cut_tail(2)(pieces())) == b"ab"
    assert closed == [True]


_CONTENT = b"what is stored"
_ARTIFACT = _manifest.Artifact("a.dump", "whole", len(_CONTENT), len(_CONTENT), hashlib.sha256(_CONTENT).hexdigest())


def _scripted(careful: bool) -> StoredBackup:
    """A backup whose ``open`` applies the damage and compares the hash, or does not care."""

    def open_(
        _artifact: _manifest.Artifact, *, damage: t.Callable[[t.Iterator[bytes]], t.Iterator[bytes]]
    ) -> t.Iterator[bytes]:
        content = b"".join(damage(iter([_CONTENT])))
        if careful and content != _CONTENT:
            raise DamagedError("it is damaged")
        yield content

    return t.cast(StoredBackup, types.SimpleNamespace(open=open_))


def test_a_reader_that_refuses_both_damaged_views_passes_its_controls() -> None:
    controls = artifact_controls(_scripted(careful=True), _ARTIFACT)
    assert [(control.id, control.status) for control in controls] == [
        ("control.flip", "passed"),
        ("control.cut", "passed"),
    ]


def test_a_reader_that_takes_damage_for_good_makes_the_verdict_red() -> None:
    controls = artifact_controls(_scripted(careful=False), _ARTIFACT)
    assert [control.status for control in controls] == ["failed", "failed"]
    assert verdict_of([], controls) == "failed"
