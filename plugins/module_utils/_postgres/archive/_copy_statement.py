# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Which table a COPY statement of an archive fills. Pure functions.

It is not always the table whose rows the entry holds. Where a partitioned table is divided by the hash of an enum,
pg_dump writes ``COPY root`` into the entry of each leaf (``forcePartitionRootLoad`` in ``pg_dump.c``): enum values get
other oids in a new database, so the rows belong into other leaves there.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry

# fmtId of PostgreSQL's fe_utils quotes whatever is not of the first form.
_NAME = r'([a-z_][a-z0-9_$]*|"(?:[^"]|"")+")'
_COPY = re.compile(rf"COPY {_NAME}\.{_NAME} ")


def filled_table(entry: TocEntry) -> tuple[str, str] | None:
    """Schema and name of the table that the entry's COPY fills; None where there is no COPY that can be read."""
    found = _COPY.match(entry.copy_statement)
    return (_unquoted(found.group(1)), _unquoted(found.group(2))) if found else None


def fills_its_own_table(entry: TocEntry) -> bool:
    """Whether the rows go into the table that the entry is named after, and into no other."""
    return filled_table(entry) == (entry.schema, entry.tag)


def loaded_through(entry: TocEntry) -> str:
    """The partitioned table (``schema.name``) that deals the entry's rows out again; empty where they stay together."""
    filled = filled_table(entry)
    return "" if filled in (None, (entry.schema, entry.tag)) else ".".join(filled or ())


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
