# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""An object to copy, and what must still be true where it goes. Pure."""

from __future__ import annotations

import dataclasses

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import as_text
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import ETAG, SIZE, VERSION_ID, Row

ABSENT = "*"  # the condition that there is no such object


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An object to copy: as it was listed, or one version of it.

    ``condition`` is what must still be true at the target: ``ABSENT``, an ETag, or empty for anything. ``before`` is
    the version there now.
    ``young``: a rule may bring it by itself.
    """

    key: str
    etag: str
    size: int
    version_id: str = ""
    condition: str = ""
    before: str = ""
    young: bool = False


def version_of(row: Row) -> str:
    """The version id to name in requests; empty where there are no versions."""
    version = row[VERSION_ID].decode()
    return "" if version == "null" else version


def wanted_of(key: bytes, row: Row, *, condition: str, before: str = "") -> Wanted:
    """The copy of one version."""
    return Wanted(
        as_text(key), row[ETAG].decode("ascii", "replace"), int(row[SIZE]), version_of(row), condition, before
    )
