# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Which of a backup's definitions are restored, and how. Pure functions over an archive's table of contents."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.archive._archive import ArchiveScanner, TocEntry

_EMPTY_STRING = b"\0\0\0\0\0"  # as WriteStr of pg_backup_archiver.c
# What only a superuser may make, whatever it says (the notes on each CREATE command).
_SUPERUSER_KINDS = (
    "ACCESS METHOD",
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "PROCEDURAL LANGUAGE",
    "PUBLICATION TABLES IN SCHEMA",
    "SHELL TYPE",
    "SUBSCRIPTION",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
)
# What only a superuser may make when its definition says this.
_SUPERUSER_WORDS = {
    "PUBLICATION": re.compile(r"\bFOR ALL TABLES\b"),
    "TYPE": re.compile(r"^CREATE TYPE [^\n]*\(\s*INTERNALLENGTH", re.MULTILINE),
    "CAST": re.compile(r"\bWITHOUT FUNCTION\b"),
    "FUNCTION": re.compile(r"^\s+LANGUAGE (?:c|internal|\w+u)\b|^\s+LANGUAGE [^\n]*\bLEAKPROOF\b", re.MULTILINE),
    "PROCEDURE": re.compile(r"^\s*LANGUAGE (?:c|internal|\w+u)\b", re.MULTILINE),
}


def needs_superuser(entries: t.Sequence[TocEntry], untrusted_extensions: t.Container[str]) -> list[TocEntry]:
    """What a role that is no superuser cannot make, with all that depends on it, in the archive's order.

    ``untrusted_extensions`` are those of the target server that only a superuser may install.
    """
    refused = {entry.dump_id for entry in entries if _is_refused(entry, untrusted_extensions)}
    before = -1
    while len(refused) != before:
        before = len(refused)
        refused |= {entry.dump_id for entry in entries if refused.intersection(entry.dependencies)}
    return [entry for entry in entries if entry.dump_id in refused]


def _is_refused(entry: TocEntry, untrusted_extensions: t.Container[str]) -> bool:
    if entry.description == "EXTENSION":
        return entry.tag in untrusted_extensions
    words = _SUPERUSER_WORDS.get(entry.description)
    return entry.description in _SUPERUSER_KINDS or (words is not None and words.search(entry.definition) is not None)


def named(entry: TocEntry) -> str:
    """How people call an entry: ``EVENT TRIGGER audit_ddl``, ``TABLE public.orders``."""
    return f"{entry.description} {entry.qualified_name}"


def tablespaces(entries: t.Iterable[TocEntry]) -> set[str]:
    """The tablespaces that the definitions name."""
    return {entry.tablespace for entry in entries if entry.tablespace}


def without_tablespaces(scanner: ArchiveScanner, left_out: t.Container[str]) -> bytes:
    """Header and table of contents, in which whatever lies in one of these tablespaces lies in the database's own."""
    toc = bytes(scanner.toc_bytes)
    pieces, position = [], 0
    for entry, (start, end) in zip(scanner.entries, scanner.tablespace_spans):
        if entry.tablespace and entry.tablespace in left_out:
            pieces += [toc[position:start], _EMPTY_STRING]
            position = end
    return b"".join([*pieces, toc[position:]])
