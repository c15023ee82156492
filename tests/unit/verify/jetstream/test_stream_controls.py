# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Damage on purpose in an archive: each bit that changes what the archive says is seen, and one that changes nothing is
no damage.
"""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import decode
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._controls import flip_byte
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream import _stream_controls as controls

from tests.lab import jetstream_archives as archives
from tests.unit.verify.jetstream.test_stream_compare import stream


@pytest.fixture(scope="module")
def archive() -> bytes:
    """A small one, with all the zeros of a tar file in it."""
    return archives.s2(b"".join(decode(archives.large_v1("S", 20))))


@pytest.fixture(scope="module")
def harmless(archive: bytes) -> list[int]:
    """The bytes of it in which a bit may turn over without changing what it decodes to."""
    plain = b"".join(decode([archive]))
    return [at for at in range(len(archive)) if _decoded(archive, at) == plain]


def _decoded(archive: bytes, at: int) -> bytes | None:
    try:
        return b"".join(decode(flip_byte(at)(iter([archive]))))
    except DamagedError:
        return None


def _flip(archive: bytes, at: int) -> tuple[int, str] | None:
    facts, digests = inspect([archive], "S")
    digests.close()
    return controls.flip_one_bit(lambda: iter([archive]), at, stream(fingerprint=facts.fingerprint))


def test_every_bit_that_matters_is_seen_and_no_other_is_taken_for_damage(archive: bytes, harmless: list[int]) -> None:
    assert harmless, "this archive is there for these"
    for at in range(len(archive)):
        where, words = _flip(archive, at) or (len(archive), "there is nothing behind it")
        assert words and where not in harmless and set(range(at, where)) <= set(harmless), at


def test_where_no_bit_matters_nothing_is_claimed(
    archive: bytes, monkeypatch: pytest.MonkeyPatch, harmless: list[int]
) -> None:
    monkeypatch.setattr(controls, "_TRIES", 1)
    assert _flip(archive, harmless[0]) is None
