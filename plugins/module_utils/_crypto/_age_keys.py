# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Recipients and identities of age, from options and files, as pyrage wants them. Nothing here ever shows a secret key.

Formats: https://age-encryption.org/v1 (recipients, identities, header),
https://www.rfc-editor.org/rfc/rfc4253#section-6.6 (ssh keys).
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import load_library
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._secret_files import Passphrase, read_key_file

_SECRET_MARKS = ("AGE-SECRET-KEY", "AGE-PLUGIN", "PRIVATE KEY", "BEGIN OPENSSH")
ARMOR_MARK = b"-----BEGIN AGE ENCRYPTED FILE-----"
_ENCRYPTED_FILE_MARKS = (b"age-encryption.org/v1", ARMOR_MARK)
_SHOWN_CHARACTERS = 24
_LARGEST_HEADER = 64 * 1024


def pyrage() -> t.Any:
    """The library."""
    return load_library("pyrage", "encryption with age")


def read_recipients_file(path: str) -> list[tuple[str, str]]:
    """Where and what: every recipient of a file as ``age -R`` takes it (one a line, ``#`` comments).

    Raises OptionError.
    """
    option = "encryption.recipients_file"
    try:
        lines = read_key_file(path, option).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise OptionError(
            f"{option}: {path} is not text.", hint="One recipient a line: age1… or ssh-ed25519 …."
        ) from None
    found = [(f"{option}: {path}, line {number}", line.strip()) for number, line in enumerate(lines, 1)]
    return [(where, text) for where, text in found if text and not text.startswith("#")]


def parse_recipient(where: str, text: str) -> t.Any:
    """The recipient for pyrage. Raises OptionError; a secret key given by mistake is not shown."""
    text = text.strip()
    if any(mark in text.upper() for mark in _SECRET_MARKS):
        raise OptionError(
            f"{where} holds a secret key, which would lie beside the backups it is to protect. Its value is not shown "
            "here.",
            hint=(
                "Give the public key (age1…, as age-keygen -y KEYFILE prints it), and take a new key: this one was in "
                "the open."
            ),
        )
    library = pyrage()
    kind = library.ssh if text.startswith("ssh-") else library.x25519
    try:
        return kind.Recipient.from_str(text)
    except library.RecipientError:
        shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
        raise OptionError(
            f"{where}: {shown!r} is not a recipient of age.",
            hint=(
                "A recipient is a whole public key: age1… (62 characters, as age-keygen prints it), ssh-ed25519 … or "
                "ssh-rsa …."
            ),
        ) from None


def read_identities(path: str, passphrase: Passphrase | None) -> list[tuple[t.Any, str]]:
    """The secret keys of an identity file, each with its public key ("" for ssh keys, which do not tell). Raises
    OptionError.

    Takes what ``age -i`` takes: a file of age-keygen (several keys and comments), one encrypted with a passphrase, an
    ssh private key.
    """
    option = "encryption.identity_file"
    content = read_key_file(path, option)
    if content.startswith(_ENCRYPTED_FILE_MARKS):
        content = _unlocked(content, path, passphrase)
    if b"PRIVATE KEY-----" in content:
        return [(_ssh_identity(content, path), "")]
    identities = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            identity = _age_identity(f"{option}: {path}, line {number}", text)
            identities.append((identity, str(identity.to_public())))
    if not identities:
        raise OptionError(
            f"{option}: {path} holds no secret key.",
            hint="It has to hold a line AGE-SECRET-KEY-1…, or an ssh private key.",
        )
    return identities


def header_recipient_kinds(head: bytes) -> list[str]:
    """Kinds of the recipients in an age file's first bytes, such as ["X25519", "ssh-ed25519"]; [] where they cannot be
    read.

    The header does not tell who an X25519 recipient is, on purpose. It shows one line ``-> KIND ARGUMENTS`` for each.
    """
    header = head[:_LARGEST_HEADER].split(b"\n--- ")[0].split(b"\n")
    if not header[0].startswith(b"age-encryption.org/v1"):
        return []
    kinds = [line.split(b" ")[1].decode("ascii", "replace") for line in header[1:] if line.startswith(b"-> ")]
    return [
        kind for kind in kinds if kind in ("X25519", "scrypt") or kind.startswith("ssh-")
    ]  # others are grease or plugins


def _age_identity(where: str, text: str) -> t.Any:
    library = pyrage()
    if text.upper().startswith("AGE-PLUGIN"):
        raise OptionError(
            f"{where} is the key of an age plugin (hardware), which cannot be used here.",
            hint="Decrypt by hand with age.",
        )
    if text.startswith("age1"):
        raise OptionError(
            f"{where} holds a public key.", hint="The file has to hold the secret key: the line AGE-SECRET-KEY-1…"
        )
    try:
        return library.x25519.Identity.from_str(text)
    except library.IdentityError:
        raise OptionError(
            f"{where} is not an age secret key. Its value is not shown here.",
            hint="A secret key is a whole line AGE-SECRET-KEY-1… as age-keygen writes it.",
        ) from None


def _ssh_identity(content: bytes, path: str) -> t.Any:
    library = pyrage()
    try:
        return library.ssh.Identity.from_buffer(content)
    except library.IdentityError as error:
        raise OptionError(
            f"encryption.identity_file: the ssh key {path} cannot be used ({error}).",
            hint=(
                "Use an ed25519 or rsa key without a passphrase (ssh-keygen -p on a copy with mode 0600), or an age "
                "key."
            ),
        ) from None


def _unlocked(content: bytes, path: str, passphrase: Passphrase | None) -> bytes:
    if passphrase is None:
        raise OptionError(
            f"encryption.identity_file: {path} is encrypted with a passphrase, and none is given.",
            hint="Give encryption.passphrase_file or encryption.passphrase_env.",
        )
    library = pyrage()
    try:
        return bytes(library.passphrase.decrypt(content, passphrase.read()))
    except library.DecryptError as error:
        raise OptionError(
            f"encryption.identity_file: {path} cannot be decrypted with the passphrase given ({error}).",
            hint="Check encryption.passphrase_file or encryption.passphrase_env.",
        ) from None
