# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The versions of the Python libraries that bytes of a backup go through.

A manifest records them, so that the backups which a bad release wrote can be named later.
"""

from __future__ import annotations

import importlib.metadata
import sys

_LIBRARIES = {  # the module that is imported, and the distribution that has it
    "cryptography": "cryptography",
    "highwayhash": "highwayhash-cffi",
    "pyrage": "pyrage",
    "zstandard": "zstandard",
}


def versions_in_use() -> dict[str, str]:
    """The version of each that this process has imported, by the module's name."""
    found = {}
    for module, distribution in _LIBRARIES.items():
        if module in sys.modules:
            try:
                found[module] = importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:  # a copy without metadata
                found[module] = str(getattr(sys.modules[module], "__version__", "unknown"))
    return found
