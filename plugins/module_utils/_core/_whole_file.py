# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile

from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import give_to_owner_of


def write_whole(path: str, content: bytes, mode: int = 0o600) -> None:
    """Write the file beside its place, sync it, and rename it over what is there. Raises OSError; then nothing of it is
    left, and what was there is as it was.

    What root writes belongs to the owner of the folder. The temporary name begins with a dot and has no suffix, so that
    nothing that collects ``*.html`` or ``*.prom`` takes it.
    """
    folder = os.path.dirname(path) or "."
    handle, temporary = tempfile.mkstemp(prefix=".lifeboat-", dir=folder)  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            give_to_owner_of(folder, file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
