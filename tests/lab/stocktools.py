# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stock tools that people restore with, and keys made by them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import random
import subprocess
import typing as t

from tests.lab.throwaway import Folder, MissingPrerequisiteError

_PACKAGES = {
    "age-keygen": "age",
    "gpg": "gnupg",
    "gpgconf": "gnupg",
    "gpg-connect-agent": "gnupg",
    "ssh-keygen": "openssh-client",
}


def tool(*arguments: str, given: bytes = b"", folder: pathlib.Path | None = None) -> bytes:
    """Output of a stock tool; fails when the tool does."""
    try:
        return subprocess.run(arguments, input=given, cwd=folder, check=True, stdout=subprocess.PIPE).stdout
    except FileNotFoundError:
        package = _PACKAGES.get(arguments[0], arguments[0])
        raise MissingPrerequisiteError(
            f"The program {arguments[0]} is not on this machine. Install the Debian package {package}."
        ) from None


def rows(size: int) -> bytes:
    """Text like a table's: compressible, but not to nothing."""
    numbers = random.Random(size)
    return b"".join(b"%d\topen\t%d\n" % (number, numbers.randrange(10**9)) for number in range(size // 16 + 1))[:size]


def in_pieces(content: bytes, size: int = 1 << 20) -> t.Iterator[bytes]:
    """The content as a stream."""
    return (content[at : at + size] for at in range(0, len(content), size))


@dataclasses.dataclass(frozen=True)
class KeyFile:
    """A public key, and the file of its secret key."""

    public: str
    file: str


AGE_KEYS: dict[str, str] = {}
"""The file of each secret key that the tests have made, by its public key."""


def age_key(folder: pathlib.Path, name: str) -> KeyFile:
    """A new key of age, made by age-keygen."""
    file = folder / name
    tool("age-keygen", "-o", str(file))
    key = KeyFile(tool("age-keygen", "-y", str(file)).decode().strip(), str(file))
    AGE_KEYS[key.public] = key.file
    return key


def ssh_key(folder: pathlib.Path, kind: str, passphrase: str = "") -> KeyFile:
    """A new key of ssh-keygen; ``kind`` is ed25519 or rsa."""
    file = folder / kind
    tool("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "ops@example.org", "-f", str(file))
    return KeyFile(pathlib.Path(f"{file}.pub").read_text().strip(), str(file))


@dataclasses.dataclass(frozen=True)
class GpgKey:
    """A key pair in a home of its own, and its two exports."""

    home: str
    fingerprint: str
    mail: str
    public_file: str
    secret_file: str


def gpg(home: str, *arguments: str, given: bytes = b"") -> bytes:
    """Output of the stock gpg in this home."""
    return tool("gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", *arguments, given=given)


@contextlib.contextmanager
def gpg_key(mail: str, passphrase: str = "", usage: str = "default", expires: str = "never") -> t.Iterator[GpgKey]:
    """A key pair, until the end of the context. An empty passphrase leaves the secret key unlocked."""
    folder = Folder("gpg")  # its path is short: the agent's socket lies in it
    home = folder.path
    try:
        gpg(
            home, "--passphrase", passphrase, "--quick-generate-key", f"Test <{mail}>", "future-default", usage, expires
        )
        listing = gpg(home, "--with-colons", "--list-keys", mail).decode().splitlines()
        fingerprint = [line.split(":")[9] for line in listing if line.startswith("fpr:")][0]
        public_file, secret_file = f"{home}/public.asc", f"{home}/secret.gpg"
        gpg(home, "--armor", "--output", public_file, "--export", mail)
        gpg(home, "--passphrase", passphrase, "--output", secret_file, "--export-secret-keys", mail)
        os.chmod(secret_file, 0o600)
        yield GpgKey(home, fingerprint, mail, public_file, secret_file)
    finally:
        tool("gpgconf", "--homedir", home, "--kill", "gpg-agent")
        folder.remove()
