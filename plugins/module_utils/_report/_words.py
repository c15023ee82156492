# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the parts of each kind of store are called: a database has tables with rows, an account of NATS has streams with
messages.

A new kind of store is one more line here.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

SourceKind = t.Literal["database", "account", "object_store"]


@dataclass(frozen=True)
class Words:
    """The store itself, one of the parts that are compared, and what is counted in a part; each in the singular."""

    source: str
    part: str
    unit: str

    @property
    def parts(self) -> str:
        """``tables``."""
        return f"{self.part}s"

    @property
    def units(self) -> str:
        """``rows``."""
        return f"{self.unit}s"


WORDS: dict[SourceKind, Words] = {
    "database": Words("database", "table", "row"),
    "account": Words("account", "stream", "message"),
    "object_store": Words("object store", "bucket", "object"),
}
SOURCE_KINDS: tuple[SourceKind, ...] = tuple(WORDS)
