# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The commands that restore a backup with stock tools alone: they stand in each manifest, so nobody needs this
collection to restore.
"""

from __future__ import annotations

import shlex
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import LIST_SETTINGS

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent


def commands(
    artifacts: t.Sequence[Artifact], opened: t.Callable[[Artifact], str], content: PostgresContent
) -> tuple[str, ...]:
    """One command a line, to be run in the backup's folder, in this order.

    ``NEW`` is the name of the database to make; ``opened`` gives the command that opens a file.
    """
    database = content.database
    by_content: dict[str, list[Artifact]] = {}
    for artifact in sorted(artifacts, key=lambda item: item.name):
        by_content.setdefault(artifact.content, []).append(artifact)
    locale = f"--template=template0 --encoding={database.encoding}"
    locale += f" --lc-collate={shlex.quote(database.collate)} --lc-ctype={shlex.quote(database.ctype)}"
    if database.locale_provider == "b":
        locale += f" --locale-provider=builtin --builtin-locale={shlex.quote(database.icu_locale)}"
    elif database.icu_locale:
        locale += f" --locale-provider=icu --icu-locale={shlex.quote(database.icu_locale)}"
    lines = [
        f"{opened(artifact)} | psql --dbname=postgres  # roles; read it first: it changes those that exist"
        for artifact in by_content.get("globals", [])
    ]
    lines.append(f"createdb {locale} NEW")
    for setting in database.settings:
        name, _equals, value = setting.partition("=")
        lines.append(
            "psql --dbname=NEW --command " + shlex.quote(f'ALTER DATABASE "NEW" SET {name} TO {_value(name, value)}')
        )
    lines += [
        f"{opened(artifact)} | pg_restore --exit-on-error --dbname=NEW" for artifact in by_content.get("whole", [])
    ]
    for section in ("pre-data", "", "post-data"):
        if not section:
            lines += [
                f"{opened(artifact)} | pg_restore --exit-on-error --dbname=NEW"
                for artifact in by_content.get("data", [])
            ]
        else:
            lines += [
                f"{opened(artifact)} | pg_restore --exit-on-error --section={section} --dbname=NEW"
                for artifact in by_content.get("schema", [])
            ]
    return tuple(lines)


def _value(option: str, value: str) -> str:
    """As SET takes it: the catalog holds lists as lists, and everything else as bare text."""
    return value or "''" if option in LIST_SETTINGS else "'" + value.replace("'", "''") + "'"
