# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a proof of a database says of its tables: how each came back, and what was not looked at, so that nobody takes
it for good. Pure.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _compare
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item, Part

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent, Table

_SHOWN = 3


def unread(content: PostgresContent, unpopulated: t.Sequence[tuple[str, str]] = ()) -> Check | None:
    """The check that lists what was not compared; None where there is nothing of that kind.

    ``unpopulated`` names materialized views that were left empty, since to fill them would read another server, each
    with what the server said.
    """
    items = [Item(table.qualified_name, "skipped", None, None, _reason(table)) for table in content.tables]
    items = [item for item in items if item.message]
    for name, patterns in content.filters.items():
        if patterns:
            items.append(Item(f"{name}: {', '.join(patterns)}", "skipped", None, None, "a filter of the backup"))
    empty = {name: f"left empty, since it would read another server ({reason})" for name, reason in unpopulated}
    items = [item for item in items if item.name not in empty]
    items += [Item(name, "skipped", None, None, words) for name, words in empty.items()]
    if not content.tables:
        items.append(Item(content.database.name, "skipped", None, None, "the backup holds no table at all"))
    if not items:
        return None
    shown = "; ".join(f"{item.name}: {item.message}" for item in items[:_SHOWN])
    more = f"; and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    check = Check("content.unread", "What was not compared", "content", "skipped")
    return dataclasses.replace(check, message=f"{plural(len(items), 'thing')}: {shown}{more}", items=tuple(items))


def _reason(table: Table) -> str:
    """Why the rows of this table are not compared; empty where they are, or where it has none of its own."""
    if table.kind == "foreign table":
        return "its rows are on another server"
    if table.kind == "materialized view":
        return "filled anew by the restore, not compared"
    if table.kind == "table" and not table.artifact:
        return "its rows are not in the backup: excluded, or unlogged on a standby"
    if table.kind == "table" and table.rows < 0:
        return "its rows were not counted when the backup was taken"
    return ""


def part_of(expected: Table, found: Table | None, counts_only: bool) -> Part:
    """How one table came back; ``found`` is None where it did not."""
    words = _compare.difference(expected, found, counts_only=counts_only)
    algorithm = (
        ""
        if counts_only
        else "order-free sum of SHA-256"
        if expected.rows_sum
        else "SHA-256 of COPY"
        if expected.sha256
        else ""
    )
    compared = {
        "expected": expected.rows_sum or expected.sha256,
        "restored": (found.rows_sum or found.sha256) if found else "",
    }
    return Part(
        name=expected.qualified_name,
        status="failed" if words else "passed",
        count_expected=expected.rows,
        count_restored=found.rows if found else None,
        bytes=expected.bytes,
        fingerprint_expected=compared["expected"] or None if algorithm else None,
        fingerprint_restored=compared["restored"] or None if algorithm else None,
        algorithm=algorithm or "row count",
    )
