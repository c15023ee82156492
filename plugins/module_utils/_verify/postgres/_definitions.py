# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether every object of a backup is in the restored database, with its owner, its rights and its state. Pure.

Both sides are tables of contents of pg_dump: the backup's, and one of the restored database. Objects are compared by
kind, schema, name and owner, and so is what pg_dump says of them in statements of their own: rights, default rights,
comments, labels, row-level security, and every ALTER (a trigger that is disabled, a key that is not valid, how a column
is stored). Expressions are not compared: PostgreSQL writes some of them in another way once they were restored.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import summarised

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry

CHECK = Check("structure.definitions", "Every object is back, with owner, rights and state", "structure", "passed")
# Statements without expressions.
_WHOLE = ("ACL", "COMMENT", "DEFAULT ACL", "FK CONSTRAINT", "ROW SECURITY", "SECURITY LABEL")
_EXPRESSIONS = ("DEFAULT",)  # an ALTER that is nothing but an expression
_NOT_VALID = "NOT VALID"
# What is said of an object that has an entry of its own. Its owner is not compared here: what belongs to the system,
# such as pg_catalog and, up to version 14, the schema public, belongs to the first superuser of the cluster.
_SAID_OF_ANOTHER = ("ACL", "COMMENT", "SECURITY LABEL")
# What is of the archive itself, of rows, or of the database around it. Large objects are compared by their content.
_PASSED_OVER = (
    "BLOB",
    "BLOB METADATA",
    "DATABASE",
    "DATABASE PROPERTIES",
    "ENCODING",
    "MATERIALIZED VIEW DATA",
    "SEARCHPATH",
    "STATISTICS DATA",
    "STDSTRINGS",
)
_NOTES_PASSED_OVER = ("DATABASE ", "LARGE OBJECT ", "LARGE OBJECTS ")


@dataclasses.dataclass(frozen=True)
class _Object:
    """One entry, by which it is compared."""

    kind: str
    schema: str
    name: str
    owner: str
    state: tuple[str, ...]

    @property
    def words(self) -> str:
        """How people call it."""
        place = f"{self.schema}.{self.name}" if self.schema else self.name
        return f"{self.kind} {place}" + (f", owned by {self.owner}" if self.owner else "")


def compared(backup: t.Sequence[TocEntry], restored: t.Sequence[TocEntry]) -> Check:
    """The check that the two tables of contents make."""
    expected, found = collections.Counter(_objects(backup)), collections.Counter(_objects(restored))
    missing, extra = expected - found, found - expected
    unlike = collections.Counter(_without_state(thing) for thing in extra.elements())
    items = []
    for thing in missing.elements():
        plain = _without_state(thing)
        if unlike[plain]:
            unlike[plain] -= 1
            lost = "; ".join(thing.state) or "nothing"
            items.append(Item(thing.words, "failed", None, None, f"not as it was in the backup, which says: {lost}"))
        else:
            items.append(Item(thing.words, "failed", "there", "missing", "it is not there"))
    for plain in unlike.elements():
        items.append(Item(plain.words, "failed", "missing", "there", "it is there, and not in the backup"))
    right = [Item(thing.words, "passed") for thing in (expected & found).elements()]
    check = summarised(CHECK, [*items, *right], "objects")
    return dataclasses.replace(check, items=tuple(items))  # those that are right are too many for a report


def _objects(entries: t.Iterable[TocEntry]) -> t.Iterator[_Object]:
    for entry in entries:
        if entry.section == "data" or entry.description in _PASSED_OVER or entry.tag.startswith(_NOTES_PASSED_OVER):
            continue
        owner = "" if entry.description in _SAID_OF_ANOTHER else entry.owner
        yield _Object(entry.description, entry.schema, entry.tag, owner, tuple(sorted(_state(entry))))


def _state(entry: TocEntry) -> list[str]:
    lines = [line.strip() for line in entry.definition.splitlines() if line.strip()]
    if entry.description in _WHOLE:
        return lines
    if entry.description in _EXPRESSIONS:
        return []
    # A publication's filter of rows is an expression, too.
    state = [line.partition(" WHERE ")[0] for line in lines if line.startswith("ALTER ")]
    return [*state, _NOT_VALID] if entry.definition.rstrip().endswith(f"{_NOT_VALID};") else state


def _without_state(thing: _Object) -> _Object:
    return dataclasses.replace(thing, state=())
