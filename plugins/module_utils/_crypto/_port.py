# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What every cipher can do."""

from __future__ import annotations

import abc
import typing as t


class Cipher(abc.ABC):
    """One way to encrypt and decrypt a stream."""

    engine: str  # "age", "gpg" or "none"
    suffix: str  # what an artifact's name gets: ".age", ".gpg", ""
    authenticated_stream: bool  # decrypt() only ever gives pieces that have been authenticated
    recipients: tuple[str, ...] = ()  # public keys that can open what encrypt() makes; complete after check()
    warnings: tuple[str, ...] = ()  # what check() or check_decryption() found that is allowed and dangerous

    @abc.abstractmethod
    def check(self) -> None:
        """Prove before work starts that this cipher can encrypt (program there, recipients well formed).

        Raises LifeboatError.
        """

    @abc.abstractmethod
    def check_decryption(self) -> None:
        """Prove before work starts that there is a key; whether it fits, only the stream shows.

        Raises LifeboatError.
        """

    @abc.abstractmethod
    def encrypt(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        """Encrypted pieces of the plain pieces.

        An error raised by ``pieces`` comes out unchanged, and no end of stream with it.
        """

    @abc.abstractmethod
    def decrypt(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        """Plain pieces.

        Raises DamagedError on a wrong key, a changed byte or a cut tail, never ends early without an error.
        """
