# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The payload of an age file: chunks of 64 KiB, each sealed with ChaCha20-Poly1305, numbered, and the last one marked.

Format: https://age-encryption.org/v1, section "Payload" (the STREAM construction). The nonce of a chunk is its number
in 11 bytes, big endian, and one byte that is 1 in the last chunk and 0 in the others. So a chunk that is moved, left
out, repeated or added does not open, and neither does a stream that was cut between two chunks. Only the last chunk may
be short, and it is empty only where all is empty.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
SEALED_BYTES = CHUNK_BYTES + TAG_BYTES
_CHUNKS_A_PIECE = 15  # sealed, they just fit into 1 MiB

_DAMAGED_HINT = "Use this backup's copy in another repository, or another backup; keep this copy for the investigation."


class Aead(t.Protocol):
    """ChaCha20-Poly1305 (RFC 8439) under one key, as the library ``cryptography`` has it from version 47 on."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: None) -> bytes:
        """The sealed bytes, and a tag of 16 bytes."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: None) -> bytes:
        """The bytes that were sealed. Raises the library's InvalidTag."""

    def encrypt_into(self, nonce: bytes, data: t.Any, associated_data: None, buf: t.Any) -> int:
        """The same into a buffer of the right size."""

    def decrypt_into(self, nonce: bytes, data: t.Any, associated_data: None, buf: t.Any) -> int:
        """The same into a buffer of the right size. What is in the buffer after InvalidTag must not be used."""


def damaged(reason: str) -> DamagedError:
    """The error of an age stream that is not what was written."""
    return DamagedError(f"An age stream is damaged: it was cut or changed ({reason}).", hint=_DAMAGED_HINT)


def seal(aead: Aead, head: bytes, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
    """``head`` and the sealed chunks of the plain pieces, gathered to pieces of just under 1 MiB."""
    gathered, used = memoryview(bytearray(_CHUNKS_A_PIECE * SEALED_BYTES)), 0
    for number, (chunk, last) in enumerate(chunks(pieces, CHUNK_BYTES)):
        end = used + len(chunk) + TAG_BYTES
        aead.encrypt_into(_nonce(number, last), chunk, None, gathered[used:end])
        used = end
        if last or (number + 1) % _CHUNKS_A_PIECE == 0:
            yield head + bytes(gathered[:used])
            head, used = b"", 0


def unseal(aead: Aead, pieces: t.Iterator[bytes], invalid: type[Exception]) -> t.Iterator[bytes]:
    """The plain bytes of the sealed chunks, gathered to pieces of just under 1 MiB. ``invalid`` is what ``aead`` raises
    on a wrong tag.

    Raises DamagedError on the first chunk that is not authentic; nothing of it, or after it, has been given then.
    """
    gathered, used = memoryview(bytearray(_CHUNKS_A_PIECE * CHUNK_BYTES)), 0
    for number, (chunk, last) in enumerate(chunks(pieces, SEALED_BYTES)):
        end = used + len(chunk) - TAG_BYTES
        if end < used:
            raise damaged(f"it ends inside chunk {number + 1}")
        if end == used and number:
            raise damaged(f"chunk {number + 1} is empty, and not the only one")
        try:
            aead.decrypt_into(_nonce(number, last), chunk, None, gathered[used:end])
        except invalid:
            raise damaged(_what_is_wrong(aead, bytes(chunk), number, last, invalid)) from None
        used = end
        if last or (number + 1) % _CHUNKS_A_PIECE == 0:
            if used:
                yield bytes(gathered[:used])
            used = 0


def chunks(pieces: t.Iterator[bytes], size: int) -> t.Iterator[tuple[t.Any, bool]]:
    """The stream cut into chunks of ``size`` bytes, and whether each is the last. The last is the only one that may be
    short, or empty.

    A chunk is given only when the next byte, or the end, has been seen. What lies whole inside a piece is not copied.
    """
    rest = bytearray()
    for piece in pieces:
        if len(rest) + len(piece) <= size:
            rest += piece
            continue
        view, at = memoryview(piece), 0
        if rest:
            at = size - len(rest)
            yield bytes(rest) + view[:at], False
        while len(view) - at > size:
            yield view[at : at + size], False
            at += size
        rest = bytearray(view[at:])
    yield bytes(rest), True


def _nonce(number: int, last: bool) -> bytes:
    return (number << 8 | last).to_bytes(12, "big")


def _what_is_wrong(aead: Aead, chunk: bytes, number: int, last: bool, invalid: type[Exception]) -> str:
    """Only for the message: the same chunk under the other mark tells a cut from a change."""
    try:
        aead.decrypt(_nonce(number, not last), chunk, None)
    except invalid:
        return f"chunk {number + 1} does not authenticate"
    return (
        f"it ends after chunk {number + 1}, which is not the last"
        if last
        else f"bytes follow chunk {number + 1}, which is the last"
    )
