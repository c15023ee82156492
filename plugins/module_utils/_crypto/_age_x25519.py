# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The header of an age file and the keys in it, for X25519 recipients, with the library ``cryptography``.

Format: https://age-encryption.org/v1 (header, X25519 recipient type, encoding of keys). Primitives: X25519 (RFC 7748),
HKDF (RFC 5869) and HMAC with SHA-256, ChaCha20-Poly1305 (RFC 8439), Bech32 (BIP 173). Nothing here shows a secret key
or a file key.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import os
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age_payload import TAG_BYTES, Aead, damaged

MAGIC = b"age-encryption.org/v1\n"
NONCE_BYTES = 16
_FILE_KEY_BYTES = 16
_KEY_BYTES = 32
_LARGEST_HEADER = 1 << 20  # some ten thousand recipients
_WRAP_INFO = b"age-encryption.org/v1/X25519"
_COLUMNS = 64
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class Primitives(t.NamedTuple):
    """What is used of the library ``cryptography``."""

    aead: t.Callable[[bytes], Aead]
    invalid: type[Exception]  # raised on a wrong tag
    exchange: t.Callable[
        [bytes, bytes], bytes
    ]  # X25519 of a secret and a public key; ValueError where the result is zero
    public: t.Callable[[bytes], bytes]  # the public key of a secret one
    derive: t.Callable[[bytes, bytes, bytes], bytes]  # HKDF-SHA-256 of a key, a salt and a purpose: 32 bytes


@dataclasses.dataclass(frozen=True)
class Stanza:
    """One recipient in a header: its kind, arguments and body."""

    kind: bytes
    arguments: tuple[bytes, ...]
    body: bytes


@dataclasses.dataclass(frozen=True)
class Header:
    """A header as it was read. It is authentic only when ``file_key_of`` has found its key."""

    stanzas: tuple[Stanza, ...]
    authenticated: bytes
    mac: bytes


def load_primitives() -> Primitives | None:
    """None where the library is not there or too old, or its OpenSSL refuses these algorithms (FIPS mode)."""
    try:
        from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError:
        return None

    def exchange(secret: bytes, public: bytes) -> bytes:
        return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))

    def public_of(secret: bytes) -> bytes:
        return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()

    def derive(key: bytes, salt: bytes, info: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=salt, info=info).derive(key)

    if not hasattr(ChaCha20Poly1305, "encrypt_into"):
        return None
    try:
        ChaCha20Poly1305(bytes(_KEY_BYTES))
        public_of(bytes(_KEY_BYTES))
    except UnsupportedAlgorithm:
        return None
    return Primitives(ChaCha20Poly1305, InvalidTag, exchange, public_of, derive)


def key_bytes(text: str) -> bytes:
    """The 32 bytes of ``age1…`` or ``AGE-SECRET-KEY-1…``. Raises ValueError, which does not hold them."""
    prefix, _one, symbols = text.lower().rpartition("1")
    values = [_BECH32.find(symbol) for symbol in symbols]
    if prefix not in ("age", "age-secret-key-") or min(values, default=-1) < 0 or not _checksum_fits(prefix, values):
        raise ValueError("no key of age")
    number = 0
    for value in values[:-6]:
        number = number << 5 | value
    spare = len(values[:-6]) * 5 - _KEY_BYTES * 8
    if not 0 <= spare < 5 or number & ((1 << spare) - 1):
        raise ValueError("no key of age")
    return (number >> spare).to_bytes(_KEY_BYTES, "big")


def new_header(library: Primitives, recipients: t.Sequence[bytes]) -> tuple[bytes, Aead]:
    """A header for these public keys with the nonce that follows it, and the payload's key.

    Raises ValueError on a weak public key.
    """
    file_key = os.urandom(_FILE_KEY_BYTES)
    lines = [MAGIC]
    for recipient in recipients:
        secret = os.urandom(_KEY_BYTES)
        share = library.public(secret)
        wrap_key = library.derive(library.exchange(secret, recipient), share + recipient, _WRAP_INFO)
        body = library.aead(wrap_key).encrypt(bytes(12), file_key, None)
        lines.append(b"-> X25519 " + _encoded(share) + b"\n" + _encoded(body) + b"\n")  # 43 characters: one line
    authenticated = b"".join(lines) + b"---"
    nonce = os.urandom(NONCE_BYTES)
    header = authenticated + b" " + _encoded(_mac(library, file_key, authenticated)) + b"\n"
    return header + nonce, payload_aead(library, file_key, nonce)


def payload_aead(library: Primitives, file_key: bytes, nonce: bytes) -> Aead:
    """What seals and opens the chunks."""
    return library.aead(library.derive(file_key, nonce, b"payload"))


def read_header(pieces: t.Iterator[bytes]) -> tuple[bytes, bytes, bytes]:
    """The header, the nonce after it, and what was read beyond them. Raises DamagedError."""
    gathered, end = bytearray(), -1
    for piece in pieces:
        gathered += piece
        if not MAGIC.startswith(bytes(gathered[: len(MAGIC)])):
            raise damaged("it does not begin with a header of age")
        if end < 0 and (mark := gathered.find(b"\n---")) >= 0:
            end = gathered.find(b"\n", mark + 1)
        if end < 0 and len(gathered) > _LARGEST_HEADER:
            raise damaged("its header has no end")
        if 0 <= end < len(gathered) - NONCE_BYTES:
            break
    if end < 0 or len(gathered) < end + 1 + NONCE_BYTES:
        raise damaged("it ends inside its header")
    start = end + 1 + NONCE_BYTES
    return bytes(gathered[: end + 1]), bytes(gathered[end + 1 : start]), bytes(gathered[start:])


def parse_header(raw: bytes) -> Header:
    """The parts of a header, strictly as the format wants it. Raises DamagedError."""
    lines = raw[len(MAGIC) : -1].split(b"\n")
    authenticated, _space, mac = raw[:-1].rpartition(b" ")
    if not raw.startswith(MAGIC) or not lines[-1].startswith(b"--- ") or not authenticated.endswith(b"\n---"):
        raise damaged("its header is malformed")
    stanzas, at = [], 0
    while at < len(lines) - 1:
        stanza, at = _stanza(lines, at)
        stanzas.append(stanza)
    if not stanzas or (len(stanzas) > 1 and any(stanza.kind == b"scrypt" for stanza in stanzas)):
        raise damaged("its header has no recipients, or a passphrase beside others")
    return Header(tuple(stanzas), authenticated, _decoded(mac, hashlib.sha256().digest_size))


def file_key_of(library: Primitives, header: Header, secrets: t.Sequence[bytes]) -> bytes | None:
    """The file key, when one of the secret keys opens it; None otherwise. Recipients of other kinds are passed over.

    Raises DamagedError when a recipient is malformed, or the header is not the one that was written with this key.
    """
    for stanza in header.stanzas:
        if stanza.kind != b"X25519":
            continue
        share, body = _share_and_body(stanza)
        for secret in secrets:
            file_key = _unwrapped(library, share, body, secret)
            if file_key is not None:
                if not hmac.compare_digest(_mac(library, file_key, header.authenticated), header.mac):
                    raise damaged("its header was changed")
                return file_key
    return None


def _share_and_body(stanza: Stanza) -> tuple[bytes, bytes]:
    if len(stanza.arguments) != 1 or len(stanza.body) != _FILE_KEY_BYTES + TAG_BYTES:
        raise damaged("a recipient in its header is malformed")
    return _decoded(stanza.arguments[0], _KEY_BYTES), stanza.body


def _unwrapped(library: Primitives, share: bytes, body: bytes, secret: bytes) -> bytes | None:
    try:
        shared = library.exchange(secret, share)
    except ValueError:
        raise damaged("a recipient in its header is a point of low order") from None
    wrap_key = library.derive(shared, share + library.public(secret), _WRAP_INFO)
    try:
        return library.aead(wrap_key).decrypt(bytes(12), body, None)
    except library.invalid:
        return None


def _mac(library: Primitives, file_key: bytes, authenticated: bytes) -> bytes:
    return hmac.new(library.derive(file_key, b"", b"header"), authenticated, hashlib.sha256).digest()


def _stanza(lines: list[bytes], at: int) -> tuple[Stanza, int]:
    """The stanza that begins in line ``at``, and the line after it.

    Its body ends with a line of less than 64 columns, perhaps empty.
    """
    mark, *words = lines[at].split(b" ")
    if mark != b"->" or not words or not all(word and all(33 <= byte <= 126 for byte in word) for word in words):
        raise damaged("a recipient in its header is malformed")
    body = bytearray()
    for number in range(at + 1, len(lines) - 1):
        body += _decoded(lines[number])
        if len(lines[number]) < _COLUMNS:
            return Stanza(words[0], tuple(words[1:]), bytes(body)), number + 1
        if len(lines[number]) > _COLUMNS:
            break
    raise damaged("a recipient in its header is malformed")


def _encoded(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _decoded(text: bytes, size: int | None = None) -> bytes:
    """Base 64 without padding; what an encoder would have written otherwise is refused, so that no byte can be changed
    unseen.
    """
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        data = None
    if data is None or _encoded(data) != text or (size is not None and len(data) != size):
        raise damaged("its header is malformed")
    return data


def _checksum_fits(prefix: str, values: list[int]) -> bool:
    """Whether the last six values are the BCH code of BIP 173 over prefix and values."""
    code = 1
    expanded = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    for value in expanded + values:
        top, code = code >> 25, (code & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            code ^= generator if top >> bit & 1 else 0
    return code == 1
