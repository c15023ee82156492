# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interchange with the stock tools of Debian (age, zstd, gzip), both ways: nobody needs this collection to restore.

And memory.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys

import hypothesis
import hypothesis.strategies as st
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import AgeCipher, Cipher

from tests.lab.stocktools import age_key, gpg_key, in_pieces, rows, ssh_key, tool
from tests.repetitions import examples


def encrypted(cipher: Cipher, content: bytes) -> bytes:
    return b"".join(cipher.encrypt(in_pieces(content)))


def decrypted(cipher: Cipher, content: bytes) -> bytes:
    return b"".join(cipher.decrypt(in_pieces(content)))


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
@pytest.mark.parametrize(("engine", "program"), [("zstd", "zstd"), ("gzip", "gzip")])
def test_compressed_streams_are_exchanged_with_the_stock_tool(engine: str, program: str, size: int) -> None:
    compressor, content = open_compressor({"engine": engine}), rows(size)
    ours = b"".join(compressor.compress(in_pieces(content)))
    assert tool(program, "--decompress", "--stdout", given=ours) == content
    tool(program, "--test", given=ours)
    theirs = tool(program, "--stdout", given=content)
    assert b"".join(compressor.decompress(in_pieces(theirs, 1000))) == content
    assert b"".join(compressor.decompress(in_pieces(theirs + ours))) == content * 2


@pytest.mark.parametrize("options", [["-19"], ["-T2", "-B64K"], ["--no-check"], ["--long=27"], ["--fast=5"]])
def test_whatever_the_stock_zstd_makes_is_read(options: list[str], tmp_path: pathlib.Path) -> None:
    content = rows(2_000_000)
    file = tmp_path / "table"
    file.write_bytes(content)
    theirs = tool("zstd", "--stdout", *options, str(file))
    assert b"".join(open_compressor(None).decompress(in_pieces(theirs, 70_001))) == content


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 3_000_000])
def test_age_streams_are_exchanged_with_the_stock_tool(size: int, tmp_path: pathlib.Path) -> None:
    one, two = age_key(tmp_path, "one"), age_key(tmp_path, "two")
    content = rows(size)
    ours = encrypted(AgeCipher([one.public, two.public]), content)
    for key in (one, two):
        assert tool("age", "--decrypt", "--identity", key.file, given=ours) == content
    for armor in ([], ["--armor"]):
        theirs = tool("age", *armor, "--recipient", one.public, "--recipient", two.public, given=content)
        assert decrypted(AgeCipher(identity_file=two.file), theirs) == content


@hypothesis.given(
    size=st.one_of(st.sampled_from([15, 16, 30]).map(lambda chunks: chunks * 65_536), st.integers(0, 4 * 65_536)),
    difference=st.integers(-2, 2),
)
@hypothesis.settings(max_examples=examples(25), deadline=None)
def test_age_streams_of_any_size_are_exchanged_with_the_stock_tool(
    size: int, difference: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    key = age_key(tmp_path_factory.mktemp("keys"), "key")
    content = rows(max(0, size + difference))
    assert (
        tool("age", "--decrypt", "--identity", key.file, given=encrypted(AgeCipher([key.public]), content)) == content
    )
    assert (
        decrypted(AgeCipher(identity_file=key.file), tool("age", "--recipient", key.public, given=content)) == content
    )


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_age_streams_for_ssh_keys_are_exchanged_with_the_stock_tool(kind: str, tmp_path: pathlib.Path) -> None:
    key, other = ssh_key(tmp_path, kind), age_key(tmp_path, "other")
    cipher = AgeCipher([key.public, other.public], key.file)
    cipher.check()
    cipher.check_decryption()
    ours = encrypted(cipher, b"content")
    assert tool("age", "--decrypt", "--identity", key.file, given=ours) == b"content"
    assert decrypted(cipher, tool("age", "--recipient", key.public, given=b"content")) == b"content"
    with pytest.raises(DamagedError, match=rf"an ssh key \(from {key.file}\)"):
        decrypted(AgeCipher(identity_file=key.file), encrypted(AgeCipher([other.public]), b"content"))


def test_an_ssh_key_with_a_passphrase_is_refused(tmp_path: pathlib.Path) -> None:
    key = ssh_key(tmp_path, "ed25519", passphrase="secret words")
    with pytest.raises(OptionError, match="must be decrypted first") as caught:
        AgeCipher(identity_file=key.file).check_decryption()
    assert "without a passphrase" in caught.value.hint


MEMORY_SCRIPT = """
import sys
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

def run(mebibytes, fill):
    noise = __import__("random").Random(1).randbytes(1 << 20)
    pieces = (noise if fill == "noise" else bytes(1 << 20) for _ in range(mebibytes))
    options = {"identity_file": sys.argv[3]}
    options["recipients" if sys.argv[1] == "age" else "recipient_key_files"] = [sys.argv[2]]
    compressor, cipher = open_compressor({"engine": sys.argv[4]}), open_cipher({"engine": sys.argv[1], **options})
    stored = cipher.encrypt(compressor.compress(pieces))
    return sum(map(len, compressor.decompress(cipher.decrypt(stored)))) >> 20

assert run(20, sys.argv[5]) == 20
before = peak()
assert run(300, sys.argv[5]) == 300
print(peak() - before, peak())
"""


@pytest.mark.parametrize(
    ("cipher", "compression", "fill"),
    [("age", "zstd", "noise"), ("age", "zstd", "zeros"), ("gpg", "gzip", "zeros"), ("gpg", "none", "noise")],
)
def test_memory_is_the_same_for_300_mb_as_for_20(
    cipher: str, compression: str, fill: str, tmp_path: pathlib.Path
) -> None:
    with contextlib.ExitStack() as stack:
        if cipher == "age":
            age = age_key(tmp_path, "key")
            pair = (age.public, age.file)
        else:
            gpg = stack.enter_context(gpg_key("operations@example.org"))
            pair = (gpg.public_file, gpg.secret_file)
        ended = subprocess.run(
            [sys.executable, "-c", MEMORY_SCRIPT, cipher, *pair, compression, fill],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    growth, peak = map(float, ended.stdout.split())
    assert growth < 20
    assert peak < 150


def test_an_artifact_is_restored_by_hand_with_the_stock_tools_in_a_pipe(tmp_path: pathlib.Path) -> None:
    key = age_key(tmp_path, "key")
    content = rows(1_000_000)
    (tmp_path / "artifact.dump.zst.age").write_bytes(
        b"".join(AgeCipher([key.public]).encrypt(open_compressor(None).compress(in_pieces(content))))
    )
    command = "set -o pipefail; age --decrypt --identity key artifact.dump.zst.age | zstd --decompress --stdout"
    assert tool("bash", "-c", command, folder=tmp_path) == content
