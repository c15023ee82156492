# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""No encryption: for repositories that are themselves encrypted, and for data that is public."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._pieces import passed_on
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._port import Cipher


class NoneCipher(Cipher):
    """The bytes as they are."""

    engine = "none"
    suffix = ""
    authenticated_stream = False

    def check(self) -> None:
        """There is nothing that could be missing."""

    def check_decryption(self) -> None:
        """There is nothing that could be missing."""

    def encrypt(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        return passed_on(pieces)

    def decrypt(self, pieces: t.Iterator[bytes]) -> t.Iterator[bytes]:
        return passed_on(pieces)
