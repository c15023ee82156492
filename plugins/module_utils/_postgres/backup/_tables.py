# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the manifest says of each table, from the archives' tables of contents and what passed. Pure functions."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ContentFingerprint
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._copy_statement import loaded_through
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import Table

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import Relation

_NOT_COUNTED = ContentFingerprint(-1, 0, "")


def described_tables(
    selected: t.Sequence[Relation], scanners: t.Mapping[str, ArchiveScanner], names: t.Mapping[str, str]
) -> list[Table]:
    """Every table that the archives describe, with the fingerprint of its rows where they hold any.

    ``scanners`` and ``names`` (of the artifacts) are by the stream's label.
    """
    known = {relation.oid for relation in selected}
    rows: dict[int, Table] = {}
    foreign: list[Table] = []
    for label, scanner in scanners.items():
        for entry in scanner.entries:
            if entry.description != "TABLE DATA":
                continue
            data = scanner.tables.get(entry.dump_id, _NOT_COUNTED)
            table = Table(entry.schema, entry.tag, "table", names[label], data.rows, data.bytes, data.sha256)
            if entry.oid in known:
                rows[entry.oid] = dataclasses.replace(table, loaded_through=loaded_through(entry))
            else:  # an extension's own table, whose rows belong to the user
                foreign.append(table)
    tables = [
        dataclasses.replace(
            rows.get(relation.oid, Table(relation.schema, relation.name, "")),
            schema=relation.schema,
            name=relation.name,
            kind=relation.kind,
        )
        for relation in selected
    ]
    return [*_with_roots(tables), *foreign]


def _with_roots(tables: list[Table]) -> list[Table]:
    """The tables, of which those that others are loaded through have an artifact: their rows have to be compared.

    How many these are is not known here: other partitions of theirs may have entries of their own.
    """
    artifacts = {table.loaded_through: table.artifact for table in tables if table.loaded_through}
    return [
        dataclasses.replace(table, artifact=artifacts[table.qualified_name])
        if table.qualified_name in artifacts
        else table
        for table in tables
    ]
