# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Finds out which OpenPGP keys a recipient or a key file means.

Format: doc/DETAILS of GnuPG, "Format of the colon listings".
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._gpg_program import ask
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._secret_files import read_key_file

_VALIDITY_WORDS = {"e": "it has expired", "r": "it was revoked", "i": "it is invalid", "d": "it is disabled"}


@dataclasses.dataclass(frozen=True)
class Key:
    """A primary key and what it is called."""

    fingerprint: str
    secret: bool
    validity: str  # one letter; e is expired, r revoked
    can_encrypt: bool
    user_id: str

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.user_id})" if self.user_id else self.fingerprint


def parse_keys(listing: str) -> list[Key]:
    """The primary keys of a listing made with ``--with-colons``."""
    blocks: list[dict[str, list[str]]] = []
    for line in listing.splitlines():
        fields = line.split(":") + [""] * 12
        if fields[0] in ("pub", "sec"):
            blocks.append({"primary": fields})
        elif blocks and fields[0] in ("fpr", "uid"):
            blocks[-1].setdefault(fields[0], fields)  # the first one is the primary key's
    return [
        Key(
            fingerprint=block["fpr"][9],
            secret=block["primary"][0] == "sec",
            validity=block["primary"][1],
            can_encrypt="E" in block["primary"][11] and "D" not in block["primary"][11],
            user_id=block.get("uid", [""] * 10)[9],
        )
        for block in blocks
        if "fpr" in block
    ]


def keys_in_file(home: str, path: str, option: str) -> list[Key]:
    """The primary keys in an exported file, binary or armored, without importing it. Raises OptionError."""
    read_key_file(path, option)
    listing, outcome = ask(
        home, "--no-autostart", "--with-colons", "--import-options", "show-only", "--import", "--", path
    )
    keys = parse_keys(listing)
    if not keys:
        raise OptionError(
            f"{option}: {path} holds no OpenPGP key ({outcome.said or 'gpg said nothing'}).",
            hint=(
                "It has to be what gpg --export (public) or gpg --export-secret-keys (secret) writes, with or without "
                "--armor."
            ),
        )
    return keys


def import_file(home: str, path: str, option: str, *, secret: bool) -> None:
    """Take the keys of a file into a home. Raises OptionError when it could not."""
    autostart = () if secret else ("--no-autostart",)  # the agent keeps the secret keys
    _listing, outcome = ask(home, *autostart, "--pinentry-mode", "loopback", "--import", "--", path)
    if outcome.exit_code != 0:
        raise OptionError(
            f"{option}: gpg could not import {path} ({outcome.said or 'it said nothing'}).",
            hint="Export the key again.",
        )


def recipient_key(home: str, where: str, text: str, keys_from: str) -> Key:
    """The one key that a recipient (fingerprint, key id or mail address) means. Raises OptionError."""
    if "PRIVATE KEY" in text.upper():
        raise OptionError(
            f"{where} holds a secret key. Its value is not shown here.", hint="Give the fingerprint of the public key."
        )
    listing, _outcome = ask(home, "--no-autostart", "--with-colons", "--list-keys", "--", text)
    keys = parse_keys(listing)
    if not keys:
        raise OptionError(
            f"{where}: {text!r} means no public key in {keys_from}.",
            hint="Give its fingerprint, and its file in recipient_key_files.",
        )
    if len(keys) > 1:
        matches = ", ".join(str(key) for key in keys)
        raise OptionError(
            f"{where}: {text!r} means {len(keys)} keys: {matches}.", hint="Give the fingerprint of the right one."
        )
    return usable(keys[0], where)


def usable(key: Key, where: str) -> Key:
    """The key, if something can be encrypted to it. Raises OptionError."""
    if not key.can_encrypt:
        reason = _VALIDITY_WORDS.get(key.validity, "it has no subkey that encrypts, or that has expired")
        raise OptionError(
            f"{where}: nothing can be encrypted to the key {key}: {reason}.",
            hint="Use a key that is valid for encryption.",
        )
    return key


def public_keys_in_files(home: str, paths: t.Sequence[str]) -> list[Key]:
    """All keys of the files, which must be public ones. Raises OptionError."""
    found = []
    for index, path in enumerate(paths):
        option = f"encryption.recipient_key_files[{index}]"
        keys = keys_in_file(home, path, option)
        if any(key.secret for key in keys):
            raise OptionError(
                f"{option}: {path} holds a secret key, which would lie beside the backups it is to protect.",
                hint="Give the file that gpg --export writes, and remove this one from the host.",
            )
        found += keys
    return found


def secret_keys_in_file(home: str, path: str) -> list[Key]:
    """The secret keys of an identity file. Raises OptionError."""
    keys = [key for key in keys_in_file(home, path, "encryption.identity_file") if key.secret]
    if not keys:
        raise OptionError(
            f"encryption.identity_file: {path} holds public keys only.",
            hint="It has to be what gpg --export-secret-keys writes.",
        )
    return keys


def secret_keys(home: str) -> list[Key]:
    """The secret keys of a home. Raises LifeboatError when gpg cannot use it."""
    listing, outcome = ask(home, "--with-colons", "--list-secret-keys")
    if outcome.exit_code != 0:
        raise LifeboatError(f"encryption.gpg_home: gpg cannot use {home} ({outcome.said or 'it said nothing'}).")
    return parse_keys(listing)
