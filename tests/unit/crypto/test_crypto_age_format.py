# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The age format as this collection writes and reads it itself: against pyrage, and against everything the format
forbids.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import os
import pathlib
import sys
import traceback
import typing as t

import hypothesis
import hypothesis.strategies as st
import pyrage
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError, WrongKeyError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import AgeCipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import _age_x25519 as x25519
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age_payload import chunks
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.repetitions import examples

CHUNK = 64 * 1024
SEALED = CHUNK + 16
BORDERS = [
    0,
    1,
    CHUNK - 1,
    CHUNK,
    CHUNK + 1,
    2 * CHUNK - 1,
    2 * CHUNK,
    2 * CHUNK + 1,
    15 * CHUNK,
    15 * CHUNK + 1,
    16 * CHUNK,
    30 * CHUNK,
]
SIZES = st.one_of(st.sampled_from(BORDERS), st.integers(min_value=0, max_value=200_000))
IDENTITY = pyrage.x25519.Identity.generate()
OTHER = pyrage.x25519.Identity.generate()
FILE_KEY, NONCE = bytes(range(16)), bytes(range(100, 116))
loaded = x25519.load_primitives()
assert loaded is not None
LIBRARY = loaded


def in_pieces(content: bytes, size: int) -> t.Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def pattern(size: int) -> bytes:
    return (b"0123456789abcde" * (size // 15 + 1))[:size]


def encoded(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def stanza_for(public: str, share_of: bytes = b"\x07" * 32) -> bytes:
    """A stanza that wraps FILE_KEY."""
    recipient, share = x25519.key_bytes(public), LIBRARY.public(share_of)
    wrap_key = LIBRARY.derive(LIBRARY.exchange(share_of, recipient), share + recipient, b"age-encryption.org/v1/X25519")
    return (
        b"-> X25519 "
        + encoded(share)
        + b"\n"
        + encoded(ChaCha20Poly1305(wrap_key).encrypt(bytes(12), FILE_KEY, None))
        + b"\n"
    )


MINE = stanza_for(str(IDENTITY.to_public()))


def header(*stanzas: bytes) -> bytes:
    """A header with the right authentication, whatever is in it."""
    text = b"age-encryption.org/v1\n" + b"".join(stanzas) + b"---"
    return (
        text
        + b" "
        + encoded(hmac.digest(LIBRARY.derive(FILE_KEY, b"", b"header"), text, hashlib.sha256))
        + b"\n"
        + NONCE
    )


def chunk(number: int, content: bytes, last: bool) -> bytes:
    """One sealed chunk, written down once more and apart from the code under test."""
    key = LIBRARY.derive(FILE_KEY, NONCE, b"payload")
    return ChaCha20Poly1305(key).encrypt(number.to_bytes(11, "big") + (b"\x01" if last else b"\x00"), content, None)


@pytest.fixture(scope="module")
def cipher(tmp_path_factory: pytest.TempPathFactory) -> AgeCipher:
    file = tmp_path_factory.mktemp("keys") / "one.key"
    file.write_text(str(IDENTITY))
    file.chmod(0o600)
    return AgeCipher([str(IDENTITY.to_public()), str(OTHER.to_public())], str(file))


def opened(cipher: AgeCipher, stream: bytes, piece: int = 50_000) -> bytes:
    return b"".join(cipher.decrypt(in_pieces(stream, piece)))


@hypothesis.given(size=SIZES, piece=st.integers(min_value=1, max_value=200_000))
@hypothesis.settings(max_examples=examples(60), deadline=None)
def test_whatever_is_written_is_read_by_pyrage_and_the_other_way_round(
    cipher: AgeCipher, size: int, piece: int
) -> None:
    content, piece = pattern(size), max(piece, size // 500)
    ours = b"".join(cipher.encrypt(in_pieces(content, piece)))
    for identity in (IDENTITY, OTHER):
        assert pyrage.decrypt(ours, [identity]) == content
    theirs = pyrage.encrypt(content, [OTHER.to_public(), IDENTITY.to_public()])
    assert opened(cipher, theirs, piece) == content
    assert len(ours) == len(pattern(size)) + 16 * max(1, -(-size // CHUNK)) + len(header(MINE, MINE))


@hypothesis.given(st.lists(st.binary(max_size=40), max_size=30), st.integers(min_value=1, max_value=50))
def test_a_stream_is_cut_into_chunks_of_which_only_the_last_may_be_short(pieces: list[bytes], size: int) -> None:
    whole = b"".join(pieces)
    cut = [(bytes(one), last) for one, last in chunks(iter(pieces), size)]
    assert b"".join(one for one, _last in cut) == whole
    assert all(len(one) == size and not last for one, last in cut[:-1])
    assert cut[-1][1]
    assert bool(cut[-1][0]) is bool(whole)


def test_every_bit_of_a_key_is_read() -> None:
    """Keys of 32 bytes 0x42, as Bech32 (BIP 173) and X25519 (RFC 7748) give them."""
    secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    public = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    assert x25519.key_bytes(secret) == b"\x42" * 32
    assert x25519.key_bytes(public) == LIBRARY.public(b"\x42" * 32)


def test_keys_are_read_as_pyrage_reads_them() -> None:
    for _turn in range(50):
        identity = pyrage.x25519.Identity.generate()
        assert LIBRARY.public(x25519.key_bytes(str(identity))) == x25519.key_bytes(str(identity.to_public()))


@hypothesis.given(
    at=st.integers(min_value=0, max_value=61), letter=st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7lb1")
)
def test_a_key_with_another_letter_is_no_key_and_is_not_shown(at: int, letter: str) -> None:
    public = str(IDENTITY.to_public())
    changed = public[:at] + letter + public[at + 1 :]
    hypothesis.assume(changed != public)
    with pytest.raises(ValueError, match="^no key of age$"):
        x25519.key_bytes(changed)


@hypothesis.given(st.text(max_size=80))
def test_any_text_that_is_no_key_is_refused(text: str) -> None:
    for start in ("", "age1", "AGE-SECRET-KEY-1"):
        with pytest.raises(ValueError, match="^no key of age$"):
            x25519.key_bytes(start + text)


ONE, TWO, THREE = pattern(CHUNK), pattern(CHUNK)[::-1], b"the end"
GOOD = [chunk(0, ONE, False), chunk(1, TWO, False), chunk(2, THREE, True)]


def test_the_reference_stream_of_these_tests_opens_here_and_with_pyrage(cipher: AgeCipher) -> None:
    stream = header(MINE) + b"".join(GOOD)
    assert opened(cipher, stream) == pyrage.decrypt(stream, [IDENTITY]) == ONE + TWO + THREE
    assert opened(cipher, header(MINE) + chunk(0, b"", True)) == b""


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        ([], "it ends inside chunk 1"),
        ([b"\0" * 15], "it ends inside chunk 1"),
        (GOOD[:1], "it ends after chunk 1, which is not the last"),
        (GOOD[:2], "it ends after chunk 2, which is not the last"),
        ([*GOOD[:2], GOOD[2][:15]], "it ends inside chunk 3"),
        ([*GOOD[:2], GOOD[2][:-1]], "chunk 3 does not authenticate"),
        ([GOOD[1], GOOD[0], GOOD[2]], "chunk 1 does not authenticate"),
        ([GOOD[0], GOOD[0], GOOD[1], GOOD[2]], "chunk 2 does not authenticate"),
        ([GOOD[0], GOOD[2]], "chunk 2 does not authenticate"),
        ([*GOOD, GOOD[2]], "chunk 3 does not authenticate"),
        ([chunk(0, ONE, True), chunk(1, TWO, True)], "bytes follow chunk 1, which is the last"),
        ([chunk(0, ONE, True), chunk(1, TWO, False)], "bytes follow chunk 1, which is the last"),
        ([chunk(0, ONE, True), b"x"], "bytes follow chunk 1, which is the last"),
        ([chunk(0, ONE, False), chunk(1, b"", True)], "chunk 2 is empty, and not the only one"),
        ([chunk(0, b"", False)], "it ends after chunk 1, which is not the last"),
        ([chunk(0, b"short", False), chunk(1, b"end", True)], "chunk 1 does not authenticate"),
        ([chunk(1, b"end", True)], "chunk 1 does not authenticate"),
        ([chunk(0, ONE + b"x", True)], "chunk 1 does not authenticate"),
    ],
)
@pytest.mark.parametrize("piece", [1000, SEALED, 1 << 20])
def test_a_payload_that_the_format_forbids_is_refused_here_and_by_pyrage(
    cipher: AgeCipher, payload: list[bytes], complaint: str, piece: int
) -> None:
    stream = header(MINE) + b"".join(payload)
    with pytest.raises(DamagedError, match=complaint):
        opened(cipher, stream, piece)
    with pytest.raises((pyrage.DecryptError, OSError)):
        pyrage.decrypt(stream, [IDENTITY])


@hypothesis.given(order=st.lists(st.integers(min_value=0, max_value=2), max_size=5))
@hypothesis.settings(deadline=None)
def test_no_other_order_of_chunks_opens(cipher: AgeCipher, order: list[int]) -> None:
    hypothesis.assume(order != [0, 1, 2])
    with pytest.raises(DamagedError):
        opened(cipher, header(MINE) + b"".join(GOOD[number] for number in order))


@hypothesis.given(at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
@hypothesis.settings(deadline=None)
def test_nothing_of_a_changed_chunk_or_after_it_comes_out(cipher: AgeCipher, at: int, bit: int) -> None:
    stream = bytearray(header(MINE) + b"".join(chunk(number, ONE, number == 31) for number in range(32)))
    at %= len(stream)
    stream[at] ^= 1 << bit
    came = bytearray()
    with pytest.raises(DamagedError):
        for piece in cipher.decrypt(in_pieces(bytes(stream), 1 << 20)):
            came += piece
    assert len(came) <= max(0, at - len(header(MINE))) // SEALED * CHUNK
    assert (ONE * 32).startswith(came)


GREASE = b"-> grease-x arg\nQUJD\n"
LONG = b"-> other/kind a b ~\n" + encoded(bytes(48)) + b"\n" + encoded(bytes(48)) + b"\n\n"


@pytest.mark.parametrize(
    "stanzas", [(GREASE, MINE), (MINE, LONG), (LONG, GREASE, MINE, GREASE), (stanza_for(str(OTHER.to_public())), MINE)]
)
def test_recipients_of_other_kinds_and_other_people_are_passed_over(
    cipher: AgeCipher, stanzas: tuple[bytes, ...]
) -> None:
    stream = header(*stanzas) + chunk(0, b"content", True)
    assert opened(cipher, stream, 7) == pyrage.decrypt(stream, [IDENTITY]) == b"content"


def test_a_header_with_kinds_unknown_alone_is_a_wrong_key(cipher: AgeCipher) -> None:
    with pytest.raises(WrongKeyError):
        opened(cipher, header(GREASE) + chunk(0, b"content", True))


SHARE = MINE.split(b" ")[2].split(b"\n")[0]
BODY = MINE.split(b"\n")[1]


def later(text: bytes) -> bytes:
    """The same base 64 with a bit set that an encoder leaves at zero."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:-1] + bytes([alphabet[alphabet.index(text[-1]) + 1]])


@pytest.mark.parametrize(
    "stanza",
    [
        b"",
        b"-> X25519\n" + BODY + b"\n",
        b"-> X25519 " + SHARE + b" more\n" + BODY + b"\n",
        b"-> X25519 " + SHARE + b"=\n" + BODY + b"\n",
        b"-> X25519 " + later(SHARE) + b"\n" + BODY + b"\n",
        b"-> X25519 " + encoded(bytes(31)) + b"\n" + BODY + b"\n",
        b"-> X25519 " + encoded(bytes(32)) + b"\n" + BODY + b"\n",  # the point zero
        b"-> X25519 " + encoded(b"\x01" + bytes(31)) + b"\n" + BODY + b"\n",  # a point of low order
        b"-> X25519 " + SHARE + b"\n" + later(BODY) + b"\n",
        b"-> X25519 " + SHARE + b"\n" + encoded(bytes(31)) + b"\n",
        b"-> X25519 " + SHARE + b"\n" + encoded(bytes(33)) + b"\n",
        b"-> X25519 " + SHARE + b"\n\n",
        b"-> X25519 " + SHARE + b"\n",
        b"-> X25519  " + SHARE + b"\n" + BODY + b"\n",
        b"->  X25519 " + SHARE + b"\n" + BODY + b"\n",
        b"->X25519 " + SHARE + b"\n" + BODY + b"\n",
        b"-> X25519 " + SHARE + b"\r\n" + BODY + b"\r\n",
        b"-> X25519 " + SHARE + b"\n" + BODY[:20] + b"\n" + BODY[20:] + b"\n",
        b"-> \n\n" + MINE,
        b"-> kind\xc3\xa4\n\n" + MINE,
        b"-> kind\n" + encoded(bytes(48)) + b"\n" + MINE,  # a full line has to be followed by a shorter one
        b"-> kind\n" + encoded(bytes(51)) + b"\n" + MINE,
        b"-> kind\n****\n" + MINE,
        b"\n" + MINE,
        b"-> scrypt " + encoded(bytes(16)) + b" 10\n" + encoded(bytes(32)) + b"\n" + MINE,
    ],
    ids=itertools.count(),  # the bytes are random, and several processes have to agree on the names
)
def test_a_header_that_the_format_forbids_is_refused(cipher: AgeCipher, stanza: bytes) -> None:
    with pytest.raises(DamagedError, match="cut or changed") as caught:
        opened(cipher, header(stanza) + chunk(0, b"content", True))
    assert not isinstance(caught.value, WrongKeyError)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"org/v1", b"org/v2"),
        (b"\n--- ", b"\n---"),
        (b"\n--- ", b"\n---  "),
        (b"\n--- ", b"\n---- "),
        (b"\n--- ", b"\n--- A"),
        (b"age-", b"\nage-"),
        (b"\n", b"\r\n"),
        (MINE, MINE + MINE),
        (MINE, MINE + GREASE),
    ],
    ids=itertools.count(),
)
def test_a_header_that_was_changed_is_refused_though_its_key_fits(cipher: AgeCipher, old: bytes, new: bytes) -> None:
    whole = header(MINE)[: -len(NONCE)]
    assert old in whole
    with pytest.raises(DamagedError, match="cut or changed") as caught:
        opened(cipher, whole.replace(old, new) + NONCE + chunk(0, b"content", True))
    assert not isinstance(caught.value, WrongKeyError)


def test_a_header_without_an_end_is_refused_without_reading_on(cipher: AgeCipher) -> None:
    taken = []

    def source() -> t.Iterator[bytes]:
        yield b"age-encryption.org/v1\n"
        for number in range(1000):
            taken.append(number)
            yield b"-> kind\n\n" * 10_000

    with pytest.raises(DamagedError, match="header has no end"):
        list(cipher.decrypt(source()))
    assert len(taken) < 30


@hypothesis.given(st.binary(max_size=300), st.integers(min_value=1, max_value=400))
def test_any_bytes_as_header_are_refused_and_never_anything_else(cipher: AgeCipher, noise: bytes, piece: int) -> None:
    for stream in (
        noise,
        b"age-encryption.org/v1\n" + noise,
        b"age-encryption.org/v1\n-> X25519 " + noise,
        header(b"-> " + noise + b"\n"),
    ):
        with pytest.raises(DamagedError):
            opened(cipher, stream, piece)


def test_no_two_streams_of_the_same_content_share_anything_but_their_beginning(cipher: AgeCipher) -> None:
    one, two = (b"".join(cipher.encrypt(iter([b"content"]))) for _turn in range(2))
    assert os.path.commonprefix([one, two]).startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert set(one.split(b"\n")[:6]) & set(two.split(b"\n")[:6]) == {b"age-encryption.org/v1"}
    assert one[-39:] != two[-39:]


def test_the_wrong_key_shows_no_secret(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "other.key"
    file.write_text(str(OTHER))
    file.chmod(0o600)
    with pytest.raises(WrongKeyError) as caught:
        opened(AgeCipher(identity_file=str(file)), header(MINE) + chunk(0, b"content", True))
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value.details)
    assert "AGE-SECRET-KEY" not in told and str(OTHER)[20:40] not in told
    assert str(OTHER.to_public()) in told


def test_an_ssh_key_beside_an_age_key_opens_what_either_is_made_for(tmp_path: pathlib.Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    ssh_file, age_file = tmp_path / "ssh.key", tmp_path / "age.key"
    ssh_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    age_file.write_text(str(IDENTITY))
    ssh_public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    both = AgeCipher([ssh_public, str(OTHER.to_public())], identity_files=[str(age_file), str(ssh_file)])
    for recipients in ([ssh_public], [str(IDENTITY.to_public())], [ssh_public, str(IDENTITY.to_public())]):
        stream = b"".join(AgeCipher(recipients).encrypt(in_pieces(pattern(200_000), 70_000)))
        assert opened(both, stream) == pattern(200_000)
    with pytest.raises(WrongKeyError, match="an ssh key"):
        opened(both, b"".join(AgeCipher([str(OTHER.to_public())]).encrypt(iter([b"content"]))))


@pytest.mark.parametrize("missing", ["cryptography.hazmat.primitives.ciphers.aead", "cryptography.exceptions"])
def test_without_the_library_cryptography_pyrage_does_the_same(
    cipher: AgeCipher, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = b"".join(cipher.encrypt(in_pieces(pattern(200_000), 70_000)))
    monkeypatch.setitem(sys.modules, missing, None)
    assert x25519.load_primitives() is None
    assert opened(cipher, before) == pattern(200_000)
    without = b"".join(cipher.encrypt(in_pieces(pattern(200_000), 70_000)))
    monkeypatch.undo()
    assert x25519.load_primitives() is not None
    assert opened(cipher, without) == pattern(200_000)


def test_a_library_that_is_too_old_or_refuses_the_algorithms_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import aead

    class Old:
        pass

    class Forbidden:
        encrypt_into = None

        def __init__(self, key: bytes) -> None:
            raise UnsupportedAlgorithm("not in this mode")

    for kind in (Old, Forbidden):
        monkeypatch.setattr(aead, "ChaCha20Poly1305", kind)
        assert x25519.load_primitives() is None


def test_a_recipient_that_is_a_point_of_low_order_is_refused(
    monkeypatch: pytest.MonkeyPatch, cipher: AgeCipher
) -> None:
    monkeypatch.setattr(x25519, "key_bytes", lambda text: bytes(32))
    with pytest.raises(OptionError, match="low order"):
        cipher.encrypt(iter([b"content"]))
