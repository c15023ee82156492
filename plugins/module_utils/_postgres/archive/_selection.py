# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Selected tables: which entries of an archive's table of contents they need. Pure functions."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import TocEntry

_TABLES = ("TABLE", "FOREIGN TABLE", "MATERIALIZED VIEW")
# What belongs to one table, and bears that table's name before its own: the other things that it needs come with it.
_OF_A_TABLE = ("DEFAULT", "CONSTRAINT", "CHECK CONSTRAINT", "TRIGGER", "RULE", "POLICY")
# What belongs to whatever it depends on, of these kinds.
_OWNERS = {
    "TABLE DATA": _TABLES,
    "MATERIALIZED VIEW DATA": _TABLES,
    "INDEX": _TABLES,
    "STATISTICS": _TABLES,
    "ROW SECURITY": _TABLES,
    "SEQUENCE": _TABLES,
    "SEQUENCE SET": ("SEQUENCE",),
}
_NOTES = ("COMMENT", "ACL", "SECURITY LABEL")
# What ties things together, and makes sense only with all of them.
_TIES = ("FK CONSTRAINT", "TABLE ATTACH", "INDEX ATTACH", "SEQUENCE OWNED BY")
_ALWAYS = ("ENCODING", "STDSTRINGS", "SEARCHPATH")


def select(entries: t.Sequence[TocEntry], tables: t.Sequence[str]) -> set[int]:
    """The dump ids that bring these tables (``schema.name``) back: whatever they depend on, their rows, indexes and
    constraints.

    A partitioned table brings its partitions. A foreign key is kept only when the table it points to is selected too.
    Raises OptionError for a table that the archive does not hold.
    """
    by_id = {entry.dump_id: entry for entry in entries}
    wanted = set(tables)
    chosen = {entry.dump_id for entry in entries if entry.description in _TABLES and entry.qualified_name in wanted}
    missing = wanted - {by_id[dump_id].qualified_name for dump_id in chosen}
    if missing:
        known = sorted(entry.qualified_name for entry in entries if entry.description in _TABLES)
        raise OptionError(
            f"tables: {', '.join(sorted(missing))} is not in this backup.",
            hint=(
                f"Write schema.name without quotes; there are {len(known)}: "
                f"{', '.join(known[:10])}{' …' if len(known) > 10 else ''}"
            ),
        )
    chosen |= _partitions(entries, chosen)
    followers = set(chosen)
    while followers:
        # A follower has requirements of its own (a trigger its function), and may be followed (an index by a comment).
        chosen |= followers | _requirements(followers, by_id)
        followers = {
            entry.dump_id for entry in entries if entry.dump_id not in chosen and _follows(entry, chosen, by_id)
        }
    return chosen | {entry.dump_id for entry in entries if entry.description in _ALWAYS}


def relation_names(entries: t.Sequence[TocEntry], chosen: t.Container[int]) -> set[str]:
    """The tables and sequences (``schema.name``) among the chosen entries."""
    return {
        entry.qualified_name
        for entry in entries
        if entry.dump_id in chosen and entry.description in (*_TABLES, "SEQUENCE")
    }


def select_data(entries: t.Sequence[TocEntry], names: t.Container[str]) -> set[int]:
    """The dump ids of the rows of these tables and the values of these sequences, in an archive of data."""
    return {
        entry.dump_id
        for entry in entries
        if entry.description in _ALWAYS or entry.section == "data" and entry.qualified_name in names
    }


def use_list(entries: t.Sequence[TocEntry], chosen: t.Container[int]) -> str:
    """The list file that ``pg_restore --use-list`` takes: it reads the number at each line's beginning."""
    return "".join(f"{entry.dump_id}; {entry.table_oid} {entry.oid}\n" for entry in entries if entry.dump_id in chosen)


def _requirements(chosen: set[int], by_id: t.Mapping[int, TocEntry]) -> set[int]:
    """Everything that these entries depend on, and what that depends on; schemas are dependencies too."""
    found: set[int] = set()
    open_ends = list(chosen)
    while open_ends:
        for dependency in by_id[open_ends.pop()].dependencies:
            if dependency in by_id and dependency not in found:
                found.add(dependency)
                open_ends.append(dependency)
    return found


def _partitions(entries: t.Sequence[TocEntry], chosen: set[int]) -> set[int]:
    """The partitions of these tables, and theirs: a TABLE ATTACH bears the partition's name and depends on the
    parent.
    """
    tables = {entry.qualified_name: entry.dump_id for entry in entries if entry.description in _TABLES}
    found: set[int] = set()
    parents = set(chosen)
    while parents:
        attached = {
            tables[entry.qualified_name]
            for entry in entries
            if entry.description == "TABLE ATTACH"
            and entry.qualified_name in tables
            and parents.intersection(entry.dependencies)
        }
        parents = attached - found - chosen
        found |= attached
    return found


def _follows(entry: TocEntry, chosen: set[int], by_id: t.Mapping[int, TocEntry]) -> bool:
    known = [by_id[dependency] for dependency in entry.dependencies if dependency in by_id]
    present = [dependency for dependency in known if dependency.dump_id in chosen]
    if entry.description in _TIES:
        return bool(known) and present == known
    if entry.description in _NOTES:
        return bool(present)
    if entry.description in _OF_A_TABLE:
        return any(
            owner.description in _TABLES and owner.schema == entry.schema and entry.tag.startswith(f"{owner.tag} ")
            for owner in present
        )
    return any(owner.description in _OWNERS.get(entry.description, ()) for owner in present)
