# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""Who we are to a NATS server: what nats-py is told for a password, a token, an nkey or a credentials file.

The files are read here, so that what is wrong with them is said in the words of the option.
"""

from __future__ import annotations

import abc
import collections
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import load_library

_SECTION = re.compile(r"-----BEGIN ([A-Z ]+)-----\s*(\S+)\s*------?END \1------?", re.DOTALL)
_FILE_BYTES = 1 << 20


class Credentials(abc.ABC):
    """One way to say who we are. Nothing of it may be shown."""

    @abc.abstractmethod
    def options(self) -> dict[str, t.Any]:
        """For nats-py's ``connect``. Raises OptionError or MissingRequirementError."""


class Nobody(Credentials):
    """No name: a server without users, or one that knows us by our certificate."""

    def options(self) -> dict[str, t.Any]:
        return {}


class Password(Credentials):
    """A user with a password."""

    def __init__(self, user: str, password: str) -> None:
        self.user = user
        self._password = password

    def options(self) -> dict[str, t.Any]:
        return {"user": self.user, "password": self._password}


class Token(Credentials):
    """A token that all users share."""

    def __init__(self, token: str) -> None:
        self._token = token

    def options(self) -> dict[str, t.Any]:
        return {"token": self._token}


class NkeySeed(Credentials):
    """An nkey (Ed25519), whose seed lies in a file of its own."""

    def __init__(self, path: str) -> None:
        self._path = path

    def options(self) -> dict[str, t.Any]:
        text = _content("nkey_seed_file", self._path)
        seed = next((line.strip() for line in text.splitlines() if line.strip().startswith("SU")), "")
        if not seed:
            raise OptionError(f"nkey_seed_file: {self._path} holds no seed of a user: a line that begins with SU.")
        _check_seed(seed, "nkey_seed_file", self._path)
        return {"nkeys_seed_str": seed}


class CredentialsFile(Credentials):
    """A file of ``nsc generate creds``: a user's JWT and the seed that signs for it (nats-io/jwt,
    ``FormatUserConfig``).
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def options(self) -> dict[str, t.Any]:
        sections = dict(_SECTION.findall(_content("credentials_file", self._path)))
        jwt, seed = sections.get("NATS USER JWT"), sections.get("USER NKEY SEED")
        if not jwt or not seed:
            raise OptionError(
                f"credentials_file: {self._path} is not a credentials file: it needs the sections NATS USER JWT "
                "and USER NKEY SEED.",
                hint="Write it with: nsc generate creds",
            )
        _check_seed(seed, "credentials_file", self._path)
        text = (
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
        return {"user_credentials": collections.UserString(text)}


def _content(option: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_FILE_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(
            f"{option}: {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}."
        ) from None


def _check_seed(seed: str, option: str, path: str) -> None:
    nkeys: t.Any = load_library("nkeys", f"{option} (authentication by nkey)")
    try:
        pair = nkeys.from_seed(bytearray(seed.encode("ascii")))
        pair.sign(b"nonce")
        pair.wipe()
    except Exception:  # its errors are of many kinds, and their texts may show the seed
        raise OptionError(f"{option}: the seed in {path} is not the seed of a user's nkey.") from None
