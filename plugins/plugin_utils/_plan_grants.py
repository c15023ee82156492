# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""From a plan to the least rights that each of its components needs, as text for a person. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._grants import (
    BASE_BACKUP,
    DUMP,
    statements,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._grants import rule

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Values

DEFAULT_USER = "lifeboat"
_NATS = (
    "INFO", "STREAM.LIST", "STREAM.INFO.{}", "CONSUMER.LIST.{}", "STREAM.SNAPSHOT.{}",
)  # fmt: skip


def plan_grants(plan: Values) -> list[dict[str, t.Any]]:
    """For each component ``name``, ``engine``, ``user``, the ``module`` that grants it (empty: nobody but a person
    can), its ``arguments``, and ``lines``. Components of other engines need nothing of a server.
    """
    return [one for component in plan["components"] for one in _of_component(component)]


def _of_component(component: Values) -> t.Iterator[dict[str, t.Any]]:
    engine, name = component["engine"], component["name"]
    if engine in ("postgresql", "postgresql_physical"):
        user = component.get("login_user") or _user_of(component.get("dsn")) or DEFAULT_USER
        purpose = DUMP if engine == "postgresql" else BASE_BACKUP
        yield {
            "name": name, "engine": engine, "user": user, "module": "lifeboat.dr.pg_grants",
            "arguments": {"role": user, "purpose": purpose}, "lines": statements(user, purpose),
        }  # fmt: skip
    elif engine == "redis":
        user = component.get("login_user") or DEFAULT_USER
        yield {
            "name": name, "engine": engine, "user": user, "module": "lifeboat.dr.redis_grants",
            "arguments": {"user": user}, "lines": [rule(user)],
        }  # fmt: skip
    elif engine == "jetstream":
        user = component.get("login_user") or DEFAULT_USER
        yield {"name": name, "engine": engine, "user": user, "module": "", "arguments": {}, "lines": _nats(component)}


def _user_of(dsn: t.Any) -> str:
    """The role that a connection string names; empty where it names none."""
    found = re.search(r"(?:^|[\s?&])user=([^\s&']+)|^postgres(?:ql)?://([^:@/?]+)(?::[^@/]*)?@", str(dsn or ""))
    return (found[1] or found[2]) if found else ""


def _nats(component: Values) -> list[str]:
    """For the configuration of the server, which nothing but its file can change."""
    domain = component.get("domain")
    begin = f"$JS.{domain}.API" if domain else "$JS.API"
    subjects = [f"{begin}.{subject.format('*')}" for subject in _NATS] + ["$JS.SNAPSHOT.ACK.*.>"]
    inbox = component.get("inbox_prefix") or "_INBOX"
    quoted = ", ".join(f'"{subject}"' for subject in subjects)
    return [
        "permissions: {",
        f"  publish: {{ allow: [{quoted}] }}",
        f'  subscribe: {{ allow: ["{inbox}.>"] }}',
        "}",
    ]
