# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the age format's official test vectors allow and forbid, held against both libraries that read backups."""

from __future__ import annotations

import collections
import hashlib
import pathlib

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import AgeCipher, _age

from tests.lab.agevectors import Vector, vectors
from tests.lab.throwaway import MissingPrerequisiteError

# Where a library is not as the vectors say, known and harmless. White space before an armored file is refused:
# no program writes it. pyrage reads headers whose last stanza lacks its empty line, as old programs wrote them; the
# header's MAC and the payload are authenticated all the same.
_KNOWN = {
    "cryptography": ["armor_whitespace_outside"],
    "pyrage": ["armor_whitespace_outside", "stanza_missing_body", "stanza_missing_final_line"],
}


@pytest.fixture(scope="module")
def official() -> list[Vector]:
    """The vectors with X25519 keys. Passphrases for whole files and keys of hybrid kinds are not used for backups."""
    try:
        found = vectors()
    except MissingPrerequisiteError as error:
        pytest.skip(str(error))
    mine = [vector for vector in found if vector.identities and not vector.passphrases]
    return [vector for vector in mine if all(key.startswith("AGE-SECRET-KEY-1") for key in vector.identities)]


@pytest.mark.parametrize("piece_bytes", [1 << 20, 1000])
@pytest.mark.parametrize("library", ["cryptography", "pyrage"])
def test_every_official_vector_is_read_or_refused_as_it_says(
    official: list[Vector], library: str, piece_bytes: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "pyrage":
        monkeypatch.setattr(_age.x25519, "load_primitives", lambda: None)
    wrong: list[tuple[str, str, int, str | None]] = []
    for vector in official:
        released, error = _read(vector, tmp_path, piece_bytes)
        digest = hashlib.sha256(released).hexdigest()
        if vector.expect == "success":
            good = error is None and digest == vector.payload
        else:
            # A failure in the payload may come after whole chunks that are authentic, and after no other byte.
            good = error is not None and (released == b"" or vector.expect == "payload failure")
        if not good:
            wrong.append((vector.name, vector.expect, len(released), error))
    assert {entry[0] for entry in wrong} == set(_KNOWN[library]), [entry[:3] for entry in wrong]
    counted = collections.Counter(vector.expect for vector in official)
    assert counted["success"] >= 15 and counted["header failure"] >= 30 and counted["payload failure"] >= 15, counted


def _read(vector: Vector, folder: pathlib.Path, piece_bytes: int) -> tuple[bytes, str | None]:
    """What was handed on, and the error, if there was one."""
    path = folder / "key"
    path.touch(mode=0o600)
    path.write_text("\n".join(vector.identities) + "\n", encoding="ascii")
    content, released = vector.content, bytearray()
    pieces = (content[start : start + piece_bytes] for start in range(0, max(1, len(content)), piece_bytes))
    try:
        for piece in AgeCipher(identity_file=str(path)).decrypt(pieces):
            released += piece
    except LifeboatError as error:
        return bytes(released), str(error)
    return bytes(released), None
