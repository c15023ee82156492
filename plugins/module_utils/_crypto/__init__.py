# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""age, gpg and none behind one port.

A cipher turns a stream of pieces into a stream of pieces, in constant memory. Encryption needs no secret on the backup
host (age recipients, gpg public keys), or a passphrase that travels through a file descriptor.
"""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._age import AgeCipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._gpg import GpgCipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._none import NoneCipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._options import ENCRYPTION_SPEC, open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._port import Cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._secret_files import Passphrase

__all__ = ["ENCRYPTION_SPEC", "AgeCipher", "Cipher", "GpgCipher", "NoneCipher", "Passphrase", "open_cipher"]
