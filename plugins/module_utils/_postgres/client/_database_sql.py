# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The statements that give a database what belongs to it and is not within it. Pure functions.

The restore runs them, and the manifest shows them to those who restore by hand. All of them are run from another
database, when everything is in: a setting such as default_transaction_read_only stands in the way of what comes later.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import LIST_SETTINGS

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import Database

_LIST_ITEM = re.compile(r'(")((?:[^"]|"")*)"|([^",\s][^,]*?)(?=\s*(?:,|$))')


@dataclasses.dataclass(frozen=True)
class Statement:
    """SQL, and what it gives back in words. ``owner`` is the role that has to be there and that it needs rights of."""

    words: str
    sql: str
    owner: str = ""


def properties(database: Database, name: str, *, owners: bool = True) -> list[Statement]:
    """All that ``database`` had, for the database ``name``; without ``owners`` no owner and no grants."""
    return [
        *settings(database, name),
        *_role_settings(database, name),
        *(_owner_and_grants(database, name) if owners else []),
        *_limits(database, name),
        *([Statement("is a template", f"ALTER DATABASE {quoted(name)} IS_TEMPLATE true")] * database.is_template),
    ]


def settings(database: Database, name: str) -> list[Statement]:
    """Those of the database itself."""
    return [
        Statement(f"setting {setting}", f"ALTER DATABASE {quoted(name)} SET {_assignment(setting)}")
        for setting in database.settings
    ]


def place(database: Database, name: str) -> list[Statement]:
    """What belongs to a database's place, not to its content: owner, grants, connection limit, settings of roles."""
    return [*_owner_and_grants(database, name), *_limits(database, name), *_role_settings(database, name)]


def comment(name: str, words: str) -> str:
    """A new comment on the database ``name``."""
    return f"COMMENT ON DATABASE {quoted(name)} IS {literal(words)}"


def _owner_and_grants(database: Database, name: str) -> list[Statement]:
    if not database.owner:
        return []
    owner = quoted(database.owner)
    found = [Statement(f"owner {database.owner}", f"ALTER DATABASE {quoted(name)} OWNER TO {owner}", database.owner)]
    if not database.default_grants:
        revoke = f"REVOKE ALL ON DATABASE {quoted(name)} FROM PUBLIC, {owner}"
        found.append(Statement("the grants of a new database, revoked", revoke))
    for grant in () if database.default_grants else database.grants:
        whom = quoted(grant.grantee) if grant.grantee else "PUBLIC"
        option = " WITH GRANT OPTION" if grant.grantable else ""
        sql = f"GRANT {grant.privilege} ON DATABASE {quoted(name)} TO {whom}{option}"
        found.append(Statement(f"{grant.privilege} for {grant.grantee or 'PUBLIC'}", sql))
    return found


def _limits(database: Database, name: str) -> list[Statement]:
    if database.connection_limit == -1:
        return []
    sql = f"ALTER DATABASE {quoted(name)} CONNECTION LIMIT {database.connection_limit}"
    return [Statement(f"connection limit {database.connection_limit}", sql)]


def _role_settings(database: Database, name: str) -> list[Statement]:
    return [
        Statement(
            f"setting {item.setting} of the role {item.role}",
            f"ALTER ROLE {quoted(item.role)} IN DATABASE {quoted(name)} SET {_assignment(item.setting)}",
        )
        for item in database.role_settings
    ]


def _assignment(setting: str) -> str:
    """``name TO value``. The catalog holds a list as a list, and everything else as bare text."""
    option, _equals, value = setting.partition("=")
    values = split_list(value) if option.lower() in LIST_SETTINGS else [value]
    name = ".".join(quoted(part) for part in option.split("."))
    return f"{name} TO {', '.join(literal(item) for item in values)}"


def split_list(value: str) -> list[str]:
    """The items of a setting that is a list of names, such as ``"$user", public`` (``SplitGUCList`` of PostgreSQL's
    fe_utils).
    """
    items = [
        within.replace('""', '"') if is_quoted else plain for is_quoted, within, plain in _LIST_ITEM.findall(value)
    ]
    return items or [""]


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL, whatever standard_conforming_strings is: with a backslash in it, in the form that says so."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in doubled else f"'{doubled}'"
