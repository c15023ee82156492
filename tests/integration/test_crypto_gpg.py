# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""gpg: interchange with the stock tool, damage, wrong keys, and what only a real program shows.

No secret in argument lists and environments, no agent and no folder left over, however it ends.
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    DeadlineError,
    LifeboatError,
    OptionError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher, GpgCipher, Passphrase

from tests.lab.stocktools import GpgKey, gpg, gpg_key, in_pieces, rows, tool

PASSPHRASE = 'correct "horse" $tapler\\ äöü'
PRIVATE_HOME_FOLDERS = ("/dev/shm", tempfile.gettempdir())


def encrypted(cipher: Cipher, content: bytes) -> bytes:
    return b"".join(cipher.encrypt(in_pieces(content)))


def decrypted(cipher: Cipher, content: bytes) -> bytes:
    return b"".join(cipher.decrypt(in_pieces(content)))


@pytest.fixture(scope="module")
def operations() -> t.Iterator[GpgKey]:
    with gpg_key("operations@example.org") as key:
        yield key


@pytest.fixture(scope="module")
def vault() -> t.Iterator[GpgKey]:
    with gpg_key("vault@example.org", passphrase=PASSPHRASE) as key:
        yield key


@pytest.fixture
def passphrase(tmp_path: pathlib.Path) -> Passphrase:
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text(PASSPHRASE + "\n")
    return Passphrase(file=str(file))


def processes() -> dict[int, tuple[str, str]]:
    """Number → (argument list, environment) of every process that runs, without those that have ended and wait for
    their parent.

    gpg-agent hides its environment from everybody but root; it is then empty here.
    """
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        arguments, environment = (_proc_file(name, kind) for kind in ("cmdline", "environ"))
        if arguments:
            found[int(name)] = (arguments, environment)
    return found


def _proc_file(process: str, name: str) -> str:
    try:
        return pathlib.Path("/proc", process, name).read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def ours_of_gpg() -> list[str]:
    """Argument lists of the gpg processes and agents that this collection has started in private homes."""
    return [
        arguments
        for arguments, _environment in processes().values()
        if arguments.startswith("gpg") and "lifeboat-gpg-" in arguments
    ]


def agents_of(home: str) -> list[str]:
    """Argument lists of the agents that serve this home."""
    return [
        arguments for arguments, _environment in processes().values() if "gpg-agent" in arguments and home in arguments
    ]


def number_of_our_gpg() -> int:
    """The process of the one gpg in a private home; the kernel shows a new one's arguments a moment late."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for number, (arguments, _environment) in processes().items():
            if arguments.startswith("gpg ") and "lifeboat-gpg-" in arguments:
                return number
    raise AssertionError("no gpg runs")


def private_homes() -> list[str]:
    return [name for folder in PRIVATE_HOME_FOLDERS for name in os.listdir(folder) if name.startswith("lifeboat-gpg-")]


@pytest.fixture
def nothing_stays() -> t.Iterator[None]:
    """Fails a test that leaves a thread, a gpg, an agent or a private home behind."""
    threads = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - threads == set()
    assert ours_of_gpg() == []
    assert private_homes() == []


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
def test_gpg_streams_are_exchanged_with_the_stock_tool(size: int, operations: GpgKey, nothing_stays: None) -> None:
    cipher = GpgCipher(key_files=[operations.public_file], identity_file=operations.secret_file)
    content = rows(size)
    ours = encrypted(cipher, content)
    assert gpg(operations.home, "--decrypt", given=ours) == content
    theirs = gpg(operations.home, "--trust-model", "always", "--recipient", operations.mail, "--encrypt", given=content)
    assert decrypted(cipher, theirs) == content
    assert decrypted(cipher, ours) == content


def test_symmetric_gpg_streams_are_exchanged_with_the_stock_tool(
    passphrase: Passphrase, operations: GpgKey, nothing_stays: None
) -> None:
    cipher = GpgCipher(symmetric=True, passphrase=passphrase)
    cipher.check()
    cipher.check_decryption()
    assert cipher.warnings == () and cipher.recipients == ()
    file = ["--passphrase-file", str(passphrase.file)]
    assert gpg(operations.home, *file, "--decrypt", given=encrypted(cipher, b"content")) == b"content"
    assert decrypted(cipher, gpg(operations.home, *file, "--symmetric", given=b"content")) == b"content"
    packets = subprocess.run(
        ["gpg", "--homedir", operations.home, "--batch", "--pinentry-mode", "loopback", *file, "--list-packets"],
        input=encrypted(cipher, b"content"), check=True, capture_output=True
    ).stdout.decode()  # fmt: skip
    assert "cipher 9" in packets and "compressed packet" not in packets


def test_the_passphrase_may_come_from_the_environment(
    operations: GpgKey, monkeypatch: pytest.MonkeyPatch, nothing_stays: None
) -> None:
    monkeypatch.setenv("LIFEBOAT_TEST_PASSPHRASE", PASSPHRASE)
    cipher = GpgCipher(symmetric=True, passphrase=Passphrase(environment_variable="LIFEBOAT_TEST_PASSPHRASE"))
    assert decrypted(cipher, encrypted(cipher, b"content")) == b"content"


def test_each_of_several_gpg_recipients_can_decrypt_and_a_locked_key_is_unlocked(
    operations: GpgKey, vault: GpgKey, passphrase: Passphrase, nothing_stays: None
) -> None:
    cipher = GpgCipher(key_files=[operations.public_file, vault.public_file])
    cipher.check()
    assert cipher.recipients == (operations.fingerprint, vault.fingerprint)
    assert cipher.warnings == ()
    ours = encrypted(cipher, b"content")
    assert decrypted(GpgCipher(identity_file=operations.secret_file), ours) == b"content"
    opened = GpgCipher(identity_file=vault.secret_file, passphrase=passphrase)
    opened.check_decryption()
    assert decrypted(opened, ours) == b"content"


def test_recipients_are_looked_up_in_a_kept_home_and_its_agent_is_not_left_running(
    operations: GpgKey, nothing_stays: None
) -> None:
    tool("gpgconf", "--homedir", operations.home, "--kill", "gpg-agent")
    for recipient in (operations.mail, operations.fingerprint, operations.fingerprint[-16:]):
        cipher = GpgCipher([recipient], home=operations.home)
        cipher.check()
        cipher.check_decryption()
        assert cipher.recipients == (operations.fingerprint,)
        assert decrypted(cipher, encrypted(cipher, b"content")) == b"content"
    assert not agents_of(operations.home)


def test_streams_that_use_a_kept_home_at_the_same_time_share_its_agent(operations: GpgKey, nothing_stays: None) -> None:
    tool("gpgconf", "--homedir", operations.home, "--kill", "gpg-agent")
    cipher = GpgCipher([operations.mail], home=operations.home)
    content = random.Random(5).randbytes(4 << 20)
    ours = encrypted(cipher, content)
    first, second = cipher.decrypt(in_pieces(ours)), cipher.decrypt(in_pieces(ours))
    came = [next(first), next(second)]
    assert came[0] + b"".join(first) == content
    assert agents_of(operations.home)
    assert came[1] + b"".join(second) == content
    assert not agents_of(operations.home)


def test_an_agent_that_ran_before_goes_on(operations: GpgKey) -> None:
    tool("gpg-connect-agent", "--homedir", operations.home, "/bye")
    cipher = GpgCipher([operations.mail], home=operations.home)
    assert decrypted(cipher, encrypted(cipher, b"content")) == b"content"
    assert agents_of(operations.home)


def test_recipients_that_cannot_be_used_are_refused(
    operations: GpgKey, vault: GpgKey, tmp_path: pathlib.Path, nothing_stays: None
) -> None:
    not_a_key = tmp_path / "notes.txt"
    not_a_key.write_text("nothing")
    wrong: list[tuple[GpgCipher, str]] = [
        (
            GpgCipher(["nobody@example.org"], key_files=[operations.public_file]),
            r"recipients\[0\]: 'nobody@example.org' means no public key",
        ),
        (
            GpgCipher(["example.org"], key_files=[operations.public_file, vault.public_file]),
            "'example.org' means 2 keys",
        ),
        (GpgCipher(["-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQVY"], home=operations.home), "holds a secret key"),
        (GpgCipher(key_files=[operations.secret_file]), r"recipient_key_files\[0\]: .*secret.gpg holds a secret key"),
        (GpgCipher(key_files=[str(not_a_key)]), "holds no OpenPGP key"),
        (GpgCipher(key_files=[str(tmp_path / "missing")]), "cannot be read .No such file"),
        (GpgCipher(["x"], home=str(tmp_path / "nowhere")), "gpg_home: there is no folder"),
    ]
    for cipher, complaint in wrong:
        with pytest.raises(OptionError, match=complaint):
            cipher.check()


def test_a_key_that_cannot_encrypt_is_refused_before_work_starts(nothing_stays: None) -> None:
    with (
        gpg_key("signer@example.org", usage="sign") as key,
        pytest.raises(OptionError, match="no subkey that encrypts"),
    ):
        GpgCipher(key_files=[key.public_file]).check()


def test_identity_files_that_cannot_be_used_are_refused(
    operations: GpgKey, tmp_path: pathlib.Path, nothing_stays: None
) -> None:
    with pytest.raises(OptionError, match="identity_file: .* holds public keys only"):
        GpgCipher(identity_file=operations.public_file).check_decryption()
    (tmp_path / "home").mkdir(mode=0o700)
    with pytest.raises(OptionError, match="there is no secret key in"):
        GpgCipher(home=str(tmp_path / "home")).check_decryption()


def test_one_gpg_recipient_only_is_a_warning(operations: GpgKey, nothing_stays: None) -> None:
    cipher = GpgCipher(key_files=[operations.public_file])
    cipher.check()
    assert "losing this key loses every backup" in cipher.warnings[0]


def test_the_wrong_gpg_key_is_refused_with_the_keys_that_the_backup_was_made_for(
    operations: GpgKey, vault: GpgKey, nothing_stays: None
) -> None:
    ours = encrypted(GpgCipher(key_files=[vault.public_file]), b"content")
    with pytest.raises(DamagedError, match=f"No secret key given opens this backup.*{vault.fingerprint}"):
        decrypted(GpgCipher(identity_file=operations.secret_file, made_for=[vault.fingerprint]), ours)
    with pytest.raises(DamagedError, match=vault.fingerprint):  # before anything is read: the manifest names them
        GpgCipher(identity_file=operations.secret_file, made_for=[vault.fingerprint]).check_decryption()
    GpgCipher(identity_file=operations.secret_file, made_for=[operations.fingerprint]).check_decryption()
    with pytest.raises(DamagedError, match="Keys it was made for: [0-9A-F]{16}"):
        decrypted(GpgCipher(identity_file=operations.secret_file), ours)


@pytest.mark.parametrize("kind", ["symmetric", "locked key", "no passphrase for a locked key"])
def test_a_wrong_passphrase_is_refused_and_never_shown(
    kind: str, vault: GpgKey, passphrase: Passphrase, tmp_path: pathlib.Path, nothing_stays: None
) -> None:
    wrong_file = tmp_path / "wrong"
    wrong_file.write_text("wrong battery staple")
    wrong = None if kind.startswith("no ") else Passphrase(file=str(wrong_file))
    if kind == "symmetric":
        ours = encrypted(GpgCipher(symmetric=True, passphrase=passphrase), b"content")
        cipher = GpgCipher(symmetric=True, passphrase=wrong)
    else:
        ours = encrypted(GpgCipher(key_files=[vault.public_file]), b"content")
        cipher = GpgCipher(identity_file=vault.secret_file, passphrase=wrong)
    with pytest.raises(DamagedError, match="passphrase given does not open this backup") as caught:
        decrypted(cipher, ours)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
    assert "battery" not in told and "horse" not in told


def test_one_flipped_bit_in_any_byte_never_gives_other_content(operations: GpgKey) -> None:
    tool("gpg-connect-agent", "--homedir", operations.home, "/bye")  # one agent for all the runs below
    cipher = GpgCipher([operations.mail], home=operations.home)
    content = rows(100)
    ours = encrypted(cipher, content)
    key_packet_bytes = 2 + ours[1]  # the session key's packet; a few of its bits mean nothing
    assert ours[0] in (0x84, 0xC1)
    for at in range(len(ours)):
        changed = bytearray(ours)
        changed[at] ^= 1 << at % 8
        try:
            assert decrypted(cipher, bytes(changed)) == content
            assert at < key_packet_bytes
        except LifeboatError as error:
            assert isinstance(error, DamagedError)


@pytest.mark.parametrize("part", [0.0, 0.00001, 0.3, 0.9, 0.999999])
def test_a_cut_gpg_stream_is_refused(part: float, operations: GpgKey, nothing_stays: None) -> None:
    cipher = GpgCipher(key_files=[operations.public_file], identity_file=operations.secret_file)
    ours = encrypted(cipher, rows(3_000_000))
    with pytest.raises(DamagedError, match="cut or changed"):
        decrypted(cipher, ours[: int(len(ours) * part)])


@pytest.mark.parametrize("tail", [b"x", b"more garbage" * 1000])
def test_bytes_after_the_end_of_a_gpg_stream_are_refused(tail: bytes, operations: GpgKey, nothing_stays: None) -> None:
    cipher = GpgCipher(key_files=[operations.public_file], identity_file=operations.secret_file)
    with pytest.raises(DamagedError):
        decrypted(cipher, encrypted(cipher, b"content") + tail)


def test_an_openpgp_message_that_is_not_encrypted_is_refused(operations: GpgKey, nothing_stays: None) -> None:
    forged = gpg(operations.home, "--store", given=b"anybody could have written this")
    assert (
        gpg(operations.home, "--decrypt", given=forged) == b"anybody could have written this"
    )  # the trap: exit code 0
    with pytest.raises(DamagedError, match="it is not encrypted"):
        decrypted(GpgCipher(identity_file=operations.secret_file), forged)


def test_an_error_of_the_source_comes_out_unchanged_and_ends_gpg(operations: GpgKey, nothing_stays: None) -> None:
    failure = ConnectionResetError("the server went away")
    cipher = GpgCipher(key_files=[operations.public_file], identity_file=operations.secret_file)
    ours = encrypted(cipher, rows(3_000_000))

    def source(content: bytes) -> t.Iterator[bytes]:
        yield content
        raise failure

    came: list[bytes] = []
    with pytest.raises(ConnectionResetError) as caught:
        came.extend(cipher.encrypt(source(rows(3_000_000))))
    assert caught.value is failure
    with pytest.raises(ConnectionResetError) as caught:
        list(cipher.decrypt(source(ours)))
    assert caught.value is failure
    with pytest.raises(DamagedError):
        decrypted(cipher, b"".join(came))


def test_closing_early_ends_gpg_and_its_agent_and_closes_the_source(operations: GpgKey, nothing_stays: None) -> None:
    cipher = GpgCipher(key_files=[operations.public_file], identity_file=operations.secret_file)
    closed: list[str] = []

    def source() -> t.Iterator[bytes]:
        try:
            while True:
                yield random.Random(1).randbytes(1 << 20)
        finally:
            closed.append("source")

    endless = source()  # kept, so that only closing can close it
    stream = cipher.encrypt(endless)
    next(stream)
    assert len(ours_of_gpg()) == 1
    close(stream)
    assert closed == ["source"]
    ours = encrypted(cipher, random.Random(1).randbytes(5 << 20))
    stream = cipher.decrypt(in_pieces(ours))
    next(stream)
    assert len(ours_of_gpg()) == 2  # gpg and the agent
    close(stream)
    assert closed == ["source"]


@pytest.mark.parametrize("way", ["symmetric", "locked key"])
def test_neither_argument_lists_nor_environments_show_a_secret_while_gpg_runs(
    way: str, vault: GpgKey, monkeypatch: pytest.MonkeyPatch, nothing_stays: None
) -> None:
    monkeypatch.setenv("LIFEBOAT_TEST_PASSPHRASE", PASSPHRASE)
    passphrase = Passphrase(environment_variable="LIFEBOAT_TEST_PASSPHRASE")
    cipher = (
        GpgCipher(symmetric=True, passphrase=passphrase)
        if way == "symmetric"
        else GpgCipher(key_files=[vault.public_file], identity_file=vault.secret_file, passphrase=passphrase)
    )
    seen: list[tuple[str, str]] = []

    def looked_at(pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        for piece in pieces:
            yield piece
            seen.extend((args, env) for args, env in processes().values() if "lifeboat-gpg-" in args)

    content = random.Random(2).randbytes(3 << 20)
    ours = b"".join(cipher.encrypt(looked_at(in_pieces(content))))
    assert b"".join(cipher.decrypt(looked_at(in_pieces(ours)))) == content
    assert any("--decrypt" in arguments for arguments, _environment in seen)
    assert any("--symmetric" in arguments or "--encrypt" in arguments for arguments, _environment in seen)
    for arguments, environment in seen:
        assert "horse" not in arguments
        assert "horse" not in environment
        assert "LIFEBOAT_TEST" not in environment


@pytest.mark.parametrize("direction", ["encrypt", "decrypt"])
def test_a_gpg_that_is_killed_is_an_error_and_not_called_damage(
    direction: str, operations: GpgKey, nothing_stays: None
) -> None:
    cipher = GpgCipher(key_files=[operations.public_file], identity_file=operations.secret_file)
    content = random.Random(3).randbytes(4 << 20)
    given = content if direction == "encrypt" else encrypted(cipher, content)

    def killing(pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        yield next(pieces, b"")
        os.kill(number_of_our_gpg(), signal.SIGKILL)
        yield from pieces

    with pytest.raises(LifeboatError, match="killed by signal 9") as caught:
        list(getattr(cipher, direction)(killing(in_pieces(given))))
    assert not isinstance(caught.value, DamagedError)


def test_a_time_limit_ends_gpg(operations: GpgKey, nothing_stays: None) -> None:
    cipher = GpgCipher(key_files=[operations.public_file], deadline=Deadline(0.5))

    def slow() -> t.Iterator[bytes]:
        for _turn in range(200):
            yield b"x"
            time.sleep(0.05)

    with pytest.raises(DeadlineError, match="gpg was stopped"):
        list(cipher.encrypt(slow()))


def test_what_a_killed_run_has_left_is_cleared_away_by_the_next_one(operations: GpgKey, nothing_stays: None) -> None:
    script = """
import os, signal, sys
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import GpgCipher
cipher = GpgCipher(key_files=[sys.argv[1]], identity_file=sys.argv[2])
ours = list(cipher.encrypt(iter([os.urandom(4 << 20)])))
stream = cipher.decrypt(iter(ours))
next(stream)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, operations.public_file, operations.secret_file],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert len(private_homes()) == 1
    assert any("gpg-agent" in arguments for arguments in ours_of_gpg())
    GpgCipher(key_files=[operations.public_file]).check()


def test_a_private_home_in_use_by_another_run_is_left_alone(operations: GpgKey, nothing_stays: None) -> None:
    cipher = GpgCipher(key_files=[operations.public_file], identity_file=operations.secret_file)
    ours = encrypted(cipher, random.Random(4).randbytes(4 << 20))
    first = cipher.decrypt(in_pieces(ours))
    came = next(first)
    running = ours_of_gpg()
    cipher.check()
    assert ours_of_gpg() == running
    assert len(private_homes()) == 1
    assert came + b"".join(first) == random.Random(4).randbytes(4 << 20)


def test_a_missing_gpg_is_named_with_what_to_install(
    operations: GpgKey, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LifeboatError, match="gpg is not on this host.*apt-get install gnupg"):
        GpgCipher(key_files=[operations.public_file]).check()
