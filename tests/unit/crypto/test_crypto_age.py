# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""age: round trips, damage, wrong keys, and what recipients and identities may be."""

from __future__ import annotations

import base64
import io
import pathlib
import traceback
import typing as t

import hypothesis
import hypothesis.strategies as st
import pyrage
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import AgeCipher, Passphrase, _age_x25519
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age_keys import header_recipient_kinds

from tests.repetitions import examples

CHUNK = 64 * 1024  # of the age format
SIZES = st.one_of(
    st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 16 * CHUNK, 16 * CHUNK + 1]),
    st.integers(min_value=0, max_value=200_000),
)
IDENTITY = pyrage.x25519.Identity.generate()
OTHER_IDENTITY = pyrage.x25519.Identity.generate()
# A key of these tests alone, locked with "correct horse" at a work factor of 2^10, so that opening it takes
# milliseconds.
LOCKED_PUBLIC = "age1a8l7acunhvvc2dh7s8aww466sdfax3udpl9tue6t0mad5jvlxfqs426ay7"
LOCKED_IDENTITY = """\
-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCB1MGdZL0NnR0tnN3NqRm15
QXZSVS9nIDEwCkZ2RlNqMmZkUG85eTVzbE14SEVGbDRsOEUxeElEdVpMdk54a2t0
TzhlUUEKLS0tIFhNT2MwVmhtZ2lIdnBZeUphL0VSS2RWSHgzc01HTHB0akxvRkRB
akdzTkkKke6e+llI+1s2xKQThuggys/FyZ45WhiaooNjV87btIUK+5kJvcEl/LeY
O6FKrpBKzyEbMJHW8OwgztJZ/i3b+vqHEet2kWsRiTkQjpUjmqEJRohg4VuDRHCA
N6GIyNXU4JJOekG3hHwSaS4=
-----END AGE ENCRYPTED FILE-----
"""


def in_pieces(content: bytes, size: int) -> t.Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def pattern(size: int) -> bytes:
    return (b"0123456789abcde" * (size // 15 + 1))[:size]


@pytest.fixture(scope="module", params=["cryptography", "pyrage"])
def cipher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[AgeCipher]:
    """With each of the two libraries."""
    file = tmp_path_factory.mktemp("keys") / "one.key"
    file.write_text(str(IDENTITY))
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "pyrage":
            patch.setattr(_age_x25519, "load_primitives", lambda: None)
        else:
            assert _age_x25519.load_primitives() is not None
        yield AgeCipher([str(IDENTITY.to_public()), str(OTHER_IDENTITY.to_public())], str(file))


@hypothesis.given(size=SIZES, piece=st.integers(min_value=1, max_value=100_000))
@hypothesis.settings(max_examples=examples(60), deadline=None)
def test_every_size_in_every_kind_of_pieces_comes_back(cipher: AgeCipher, size: int, piece: int) -> None:
    content = pattern(size)
    piece = max(piece, size // 500)
    encrypted = b"".join(cipher.encrypt(in_pieces(content, piece)))
    assert pattern(40) not in encrypted
    assert b"".join(cipher.decrypt(in_pieces(encrypted, piece))) == content


def test_empty_pieces_are_no_end(cipher: AgeCipher) -> None:
    assert b"".join(cipher.decrypt(cipher.encrypt(iter([b"", b"a", b"", b"b", b""])))) == b"ab"


def test_what_goes_downstream_is_large(cipher: AgeCipher) -> None:
    encrypted = list(cipher.encrypt(in_pieces(bytes(5 << 20), 10_000)))
    decrypted = list(cipher.decrypt(in_pieces(b"".join(encrypted), 10_000)))
    for pieces in (encrypted, decrypted):
        assert all(256 * 1024 <= len(piece) <= 1 << 20 for piece in pieces[:-1])


def test_one_flipped_bit_in_any_byte_is_refused(cipher: AgeCipher) -> None:
    encrypted = b"".join(cipher.encrypt(iter([pattern(200)])))
    for at in range(len(encrypted)):
        changed = bytearray(encrypted)
        changed[at] ^= 1 << at % 8
        with pytest.raises(DamagedError):
            b"".join(cipher.decrypt(iter([bytes(changed)])))


@pytest.mark.parametrize("at", [CHUNK // 2, CHUNK + CHUNK // 2, 3 * CHUNK])
def test_a_flipped_bit_deep_in_a_stream_is_refused_and_nothing_after_it_comes_out(cipher: AgeCipher, at: int) -> None:
    content = pattern(4 * CHUNK)
    changed = bytearray(b"".join(cipher.encrypt(iter([content]))))
    changed[at] ^= 4
    came = bytearray()
    with pytest.raises(DamagedError, match="cut or changed"):
        for piece in cipher.decrypt(iter([bytes(changed)])):
            came += piece
    assert content.startswith(came)
    assert len(came) <= at


def test_a_cut_at_every_place_of_a_small_stream_is_refused(cipher: AgeCipher) -> None:
    encrypted = b"".join(cipher.encrypt(iter([pattern(100)])))
    for length in range(len(encrypted)):
        with pytest.raises(DamagedError):
            b"".join(cipher.decrypt(iter([encrypted[:length]])))


@pytest.mark.parametrize("chunks", [1, 2, 3])
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_cut_at_the_border_of_two_chunks_is_refused(cipher: AgeCipher, chunks: int, offset: int) -> None:
    encrypted = b"".join(cipher.encrypt(iter([pattern(4 * CHUNK)])))
    header = len(encrypted) - 4 * (CHUNK + 16)
    with pytest.raises(DamagedError):
        b"".join(cipher.decrypt(iter([encrypted[: header + chunks * (CHUNK + 16) + offset]])))


@pytest.mark.parametrize("tail", [b"x", bytes(16), bytes(CHUNK + 16), b"age-encryption.org/v1\n"])
@pytest.mark.parametrize("size", [100, CHUNK])
def test_bytes_after_the_end_are_refused(cipher: AgeCipher, tail: bytes, size: int) -> None:
    encrypted = b"".join(cipher.encrypt(iter([pattern(size)])))
    with pytest.raises(DamagedError):
        b"".join(cipher.decrypt(iter([encrypted + tail])))


def test_what_is_not_encrypted_at_all_is_refused(cipher: AgeCipher) -> None:
    with pytest.raises(DamagedError, match="cut or changed"):
        b"".join(cipher.decrypt(iter([b"PGDMP" + bytes(1000)])))


def test_an_error_of_the_source_comes_out_unchanged_and_no_end_of_stream_with_it(
    cipher: AgeCipher, no_thread_stays: None
) -> None:
    failure = ConnectionResetError("the server went away")

    def source() -> t.Iterator[bytes]:
        yield bytes(3 << 20)
        raise failure

    came: list[bytes] = []
    with pytest.raises(ConnectionResetError) as caught:
        came.extend(cipher.encrypt(source()))
    assert caught.value is failure
    with pytest.raises(DamagedError):
        b"".join(cipher.decrypt(iter([b"".join(came)])))


def test_an_error_of_the_source_while_decrypting_comes_out_unchanged(cipher: AgeCipher, no_thread_stays: None) -> None:
    failure = DamagedError("the hash is another one")
    encrypted = list(cipher.encrypt(iter([bytes(3 << 20)])))

    def source() -> t.Iterator[bytes]:
        yield from encrypted
        raise failure

    with pytest.raises(DamagedError) as caught:
        list(cipher.decrypt(source()))
    assert caught.value is failure


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_closing_early_ends_the_thread_and_closes_the_source(
    cipher: AgeCipher, taken: int, no_thread_stays: None
) -> None:
    closed: list[str] = []

    def source() -> t.Iterator[bytes]:
        try:
            while True:
                yield bytes(1 << 20)
        finally:
            closed.append("source")

    pieces = source()  # kept, so that only closing can close it
    stream = cipher.encrypt(pieces)
    for _turn in range(taken):
        next(stream)
    close(stream)
    assert closed == (["source"] if taken else [])


def test_every_recipient_alone_can_decrypt(new_age_key: t.Callable[[], t.Any]) -> None:
    keys = [new_age_key() for _turn in range(3)]
    encrypted = list(AgeCipher([key.public for key in keys]).encrypt(iter([b"content"])))
    for key in keys:
        assert b"".join(AgeCipher(identity_file=key.file).decrypt(iter(encrypted))) == b"content"


def test_the_wrong_key_is_refused_with_the_keys_tried_and_the_recipients_that_the_backup_was_made_for(
    new_age_key: t.Callable[[], t.Any],
) -> None:
    one, two, stranger = new_age_key(), new_age_key(), new_age_key()
    encrypted = list(AgeCipher([one.public, two.public]).encrypt(iter([b"content"])))
    with pytest.raises(DamagedError) as caught:
        list(AgeCipher(identity_file=stranger.file, made_for=[one.public, two.public]).decrypt(iter(encrypted)))
    told = str(caught.value)
    assert stranger.public in told and stranger.file in told
    assert one.public in told and two.public in told
    assert "AGE-SECRET-KEY" not in "".join(traceback.format_exception(caught.value))


def test_the_wrong_key_without_a_manifest_is_told_how_many_recipients_there_are(
    new_age_key: t.Callable[[], t.Any],
) -> None:
    encrypted = list(AgeCipher([new_age_key().public, new_age_key().public]).encrypt(iter([b"content"])))
    with pytest.raises(DamagedError, match="2 of type X25519"):
        list(AgeCipher(identity_file=new_age_key().file).decrypt(iter(encrypted)))


def test_one_recipient_only_is_a_warning_and_two_are_none(new_age_key: t.Callable[[], t.Any]) -> None:
    alone = AgeCipher([new_age_key().public])
    alone.check()
    assert alone.warnings == ("encryption.recipients: one recipient only: losing this key loses every backup",)
    two = AgeCipher([new_age_key().public, new_age_key().public])
    two.check()
    assert two.warnings == ()


def test_the_same_recipient_twice_is_one_recipient(new_age_key: t.Callable[[], t.Any]) -> None:
    public = new_age_key().public
    cipher = AgeCipher([public, public + "\n"])
    cipher.check()
    assert cipher.recipients == (public,)
    assert cipher.warnings


def test_no_recipient_is_refused() -> None:
    with pytest.raises(OptionError, match=r"encryption\.recipients is empty"):
        AgeCipher().check()


@pytest.mark.parametrize(
    "wrong",
    [
        "age1notakey",
        "",
        "alice@example.org",
        "ssh-ed25519 AAAA",
        "ssh-dss AAAAB3NzaC1kc3MAAACBAP",
        "age1yubikey1q" + "x" * 50,
    ],
)
def test_a_malformed_recipient_is_refused_by_its_place(new_age_key: t.Callable[[], t.Any], wrong: str) -> None:
    with pytest.raises(OptionError, match=r"encryption\.recipients\[1\].*is not a recipient of age") as caught:
        AgeCipher([new_age_key().public, wrong]).check()
    assert "age1…" in caught.value.hint


@pytest.mark.parametrize("disguise", [str, str.lower, lambda secret: f" {secret}\n"])
def test_a_secret_key_given_as_recipient_is_refused_and_not_shown(
    new_age_key: t.Callable[[], t.Any], disguise: t.Callable[[str], str]
) -> None:
    key = new_age_key()
    with pytest.raises(OptionError, match=r"encryption\.recipients\[0\] holds a secret key") as caught:
        AgeCipher([disguise(key.secret)]).check()
    assert key.secret[20:40].lower() not in "".join(traceback.format_exception(caught.value)).lower()


def test_an_ssh_private_key_given_as_recipient_is_refused_and_not_shown() -> None:
    with pytest.raises(OptionError, match="holds a secret key") as caught:
        AgeCipher(["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk"]).check()
    assert "b3BlbnNz" not in str(caught.value)


def test_recipients_come_from_a_file_too(new_age_key: t.Callable[[], t.Any], tmp_path: pathlib.Path) -> None:
    one, two = new_age_key(), new_age_key()
    file = tmp_path / "recipients.txt"
    file.write_text(f"# operations\n{one.public}\n\n  {two.public}  \n")
    cipher = AgeCipher(recipients_file=str(file))
    cipher.check()
    assert cipher.recipients == (one.public, two.public)
    assert b"".join(AgeCipher(identity_file=two.file).decrypt(cipher.encrypt(iter([b"content"])))) == b"content"


def test_a_wrong_line_in_a_recipients_file_is_named(new_age_key: t.Callable[[], t.Any], tmp_path: pathlib.Path) -> None:
    file = tmp_path / "recipients.txt"
    file.write_text(f"{new_age_key().public}\n# comment\nnonsense\n")
    with pytest.raises(OptionError, match=rf"recipients_file: {file}, line 3: 'nonsense'"):
        AgeCipher(recipients_file=str(file)).check()


def test_a_binary_recipients_file_is_refused(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "recipients.txt"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(OptionError, match="is not text"):
        AgeCipher(recipients_file=str(file)).check()


def test_an_identity_file_may_hold_several_keys(new_age_key: t.Callable[[], t.Any], tmp_path: pathlib.Path) -> None:
    one, two = new_age_key(), new_age_key()
    file = tmp_path / "both.key"
    file.write_text(f"{one.secret}\n# and\n{two.secret}\n")
    encrypted = AgeCipher([two.public]).encrypt(iter([b"content"]))
    assert b"".join(AgeCipher(identity_file=str(file)).decrypt(encrypted)) == b"content"


def test_several_identity_files_are_all_tried(new_age_key: t.Callable[[], t.Any]) -> None:
    one, two = new_age_key(), new_age_key()
    encrypted = AgeCipher([two.public]).encrypt(iter([b"content"]))
    assert b"".join(AgeCipher(identity_files=[one.file, two.file]).decrypt(encrypted)) == b"content"


def test_no_identity_file_is_refused_with_the_recipients_that_the_backup_was_made_for() -> None:
    with pytest.raises(OptionError, match=r"identity_file is not given\. It was made for: age1abc"):
        AgeCipher(made_for=["age1abc"]).check_decryption()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read .No such file"),
        (b"", "is empty"),
        (b"# only a comment\n", "holds no secret key"),
        (b"x" * (2 << 20), "larger than 1 MiB"),
        (b"AGE-SECRET-KEY-1NOTREALLYONE\n", "line 1 is not an age secret key"),
        (b"# one\nage1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\n", "line 2 holds a public key"),
        (b"AGE-PLUGIN-YUBIKEY-1QQQQ\n", "age plugin"),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n",
            "ssh key .* cannot be used",
        ),
    ],
)
def test_an_identity_file_that_cannot_be_used_is_refused(
    tmp_path: pathlib.Path, content: bytes | None, complaint: str
) -> None:
    file = tmp_path / "some.key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(OptionError, match=complaint) as caught:
        AgeCipher(identity_file=str(file)).check_decryption()
    assert str(caught.value).startswith("encryption.identity_file: ")
    assert "NOTREALLYONE" not in str(caught.value)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_an_identity_file_that_others_can_read_is_a_warning(
    new_age_key: t.Callable[[], t.Any], mode: int, warned: bool
) -> None:
    key = new_age_key()
    pathlib.Path(key.file).chmod(mode)
    cipher = AgeCipher(identity_file=key.file)
    cipher.check_decryption()
    assert bool(cipher.warnings) is warned
    assert all(f"chmod 0600 {key.file}" in warning for warning in cipher.warnings)


@pytest.mark.parametrize("armored", [False, True])
def test_an_identity_file_encrypted_with_a_passphrase_is_opened_with_it(tmp_path: pathlib.Path, armored: bool) -> None:
    file, secret = tmp_path / "locked.key", tmp_path / "passphrase"
    file.write_bytes(
        LOCKED_IDENTITY.encode() if armored else base64.b64decode("".join(LOCKED_IDENTITY.splitlines()[1:-1]))
    )
    secret.write_text("correct horse\n")
    encrypted = AgeCipher([LOCKED_PUBLIC]).encrypt(iter([b"content"]))
    assert (
        b"".join(AgeCipher(identity_file=str(file), passphrase=Passphrase(file=str(secret))).decrypt(encrypted))
        == b"content"
    )
    with pytest.raises(OptionError, match="none is given"):
        AgeCipher(identity_file=str(file)).check_decryption()
    secret.write_text("wrong horse")
    with pytest.raises(OptionError, match="cannot be decrypted with the passphrase given") as caught:
        AgeCipher(identity_file=str(file), passphrase=Passphrase(file=str(secret))).check_decryption()
    assert "horse" not in str(caught.value)


def test_a_file_encrypted_with_a_passphrase_is_told_apart_from_a_wrong_key(new_age_key: t.Callable[[], t.Any]) -> None:
    encrypted = base64.b64decode("".join(LOCKED_IDENTITY.splitlines()[1:-1]))
    with pytest.raises(DamagedError, match="encrypted with a passphrase"):
        list(AgeCipher(identity_file=new_age_key().file).decrypt(iter([encrypted])))


def test_the_kinds_of_recipients_are_read_from_the_header() -> None:
    out = io.BytesIO()
    pyrage.encrypt_io(io.BytesIO(b"x"), out, [IDENTITY.to_public(), OTHER_IDENTITY.to_public()])
    assert header_recipient_kinds(out.getvalue()) == ["X25519", "X25519"]
    assert header_recipient_kinds(b"something else") == []
    assert header_recipient_kinds(b"") == []


@hypothesis.given(st.binary(max_size=300))
def test_any_header_can_be_looked_at(head: bytes) -> None:
    header_recipient_kinds(head)
    header_recipient_kinds(b"age-encryption.org/v1\n-> " + head)
