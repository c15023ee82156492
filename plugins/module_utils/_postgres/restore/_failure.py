# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What pg_restore says when it fails, in words that a person can act on. Pure functions."""

from __future__ import annotations

import re

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, SourceError

_ENTRY = re.compile(r"from TOC entry \d+; \d+ \d+ (.+)")
_STATEMENT = re.compile(r"Command was: (.{1,120})")
_COMMAND = re.compile(r"error: (?:could not execute query: )?(?:ERROR: +)?(.+)")
# The server's words when a function does not find what it names, and where it was (CONTEXT).
_NOT_FOUND = re.compile(
    r"ERROR: +(?:relation|function|type|operator|schema|collation|text search|cast) .*does not exist", re.IGNORECASE
)
# What the server says of a provider of security labels, and what TimescaleDB, pg_cron and others say.
_LIBRARY = re.compile(r"ERROR: .*provider .* is not loaded|shared_preload_libraries|must be preloaded")
_FUNCTION = re.compile(r"(?:SQL|PL/\w+|PL/pgSQL) function (.+?)(?: during | statement | line |\n|$)")


def failure(error: SourceError, where: str, *, owners: bool) -> LifeboatError:
    """What pg_restore said, in one sentence that names the object: by its entry, or by the statement that makes it,
    which holds no rows.
    """
    said = str(error.details.get("stderr", ""))
    entry = _ENTRY.search(said)
    reason = _COMMAND.search(said)
    statement = _STATEMENT.search(said)
    place = entry.group(1).strip() if entry else statement.group(1).strip() if statement else "the archive"
    return LifeboatError(
        f"pg_restore stopped at {place} in {where}: {reason.group(1).strip() if reason else error.message}.",
        hint=_remedy(said, owners=owners),
        details={"exit_code": error.details.get("exit_code")},
    )


def _remedy(said: str, *, owners: bool) -> str:
    function = _FUNCTION.search(said)
    if _NOT_FOUND.search(said) and function:
        name = function.group(1).strip().strip('"')
        return (
            f"The function {name} runs with an empty search_path, as every pg_restore sets it, and does not find what "
            f"it names without a schema. At the source: ALTER FUNCTION {name} SET search_path = ... (or write the "
            "schemas into it), then back up again."
        )
    if _LIBRARY.search(said):
        return (
            "This needs a library that the server loads when it starts. Set shared_preload_libraries of that server "
            "as at the source; for a scratch cluster, name the library in scratch_preload_libraries."
        )
    if "must be superuser" in said or "permission denied to create" in said:
        return (
            "Restore as a superuser, or set superuser_objects: leave_out to restore everything else; what was left "
            "out is named then."
        )
    if owners:
        return "See the server's log, or use owners: false if an owner or a grant is in the way."
    return "See the server's log, or make the role first if a policy names one."
