# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a kind of store is called, and what can be asked of it: the record that each engine has of itself.

It needs no library, so the controller reads it as well as the host does.
"""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
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


@dataclasses.dataclass(frozen=True)
class Store:
    """A kind of store. ``questions`` are keys of ``checks``: the one that asks, and those that narrow it down."""

    engine: str  # in manifests and plans: postgresql
    title: str  # in reports: PostgreSQL
    phrase: str  # in errors: a PostgreSQL database
    kind: str  # ``source.kind`` of a report: database
    words: Words
    questions: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def question_keys(self) -> tuple[str, ...]:
        """Every key by which something can be asked of this store."""
        return tuple(dict.fromkeys(key for asking, more in self.questions.items() for key in (asking, *more)))
