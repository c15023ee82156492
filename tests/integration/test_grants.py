# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The least rights, granted on real servers: with them a backup is taken, a second run changes nothing, and a plan says
what has to be granted where.
"""

from __future__ import annotations

import pathlib
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_grants import plan_grants

from tests.integration.modules import run_module
from tests.integration.redis_place import RedisPlace
from tests.lab.postgres import Database
from tests.lab.redis import RedisServer

PASSWORD = "correct-horse-battery-staple"


def test_a_role_of_postgresql_gets_what_is_missing_once_and_its_password_is_not_shown(database: Database) -> None:
    role = f"backup{secrets.token_hex(4)}"

    def grant(**more: t.Any) -> dict[str, t.Any]:
        how = {key: more.pop(key) for key in ("check_mode",) if key in more}
        return run_module("pg_grants", {"dsn": database.dsn(), "role": role, "role_password": PASSWORD, **more}, **how)

    planned = grant(check_mode=True)
    assert planned["changed"] and planned["statements"] == [
        f'CREATE ROLE "{role}" LOGIN;',
        f'GRANT pg_read_all_data TO "{role}";',
    ]
    granted = grant()
    assert granted["changed"] and PASSWORD not in str(granted)
    assert not grant()["changed"] and grant()["statements"] == []
    database.execute(f'drop owned by "{role}"')
    database.execute(f'drop role "{role}"')
    assert "cannot be the name of a role" in grant(role="pg_monitor")["msg"]


def test_a_user_of_redis_may_back_up_and_read_no_key(tmp_path: pathlib.Path) -> None:
    with RedisServer() as server:
        server.cli("SET", "secret", "value")

        def grant(**more: t.Any) -> dict[str, t.Any]:
            how = {key: more.pop(key) for key in ("check_mode",) if key in more}
            arguments = {"login_port": server.port, "user": "lifeboat", "user_password": PASSWORD, **more}
            return run_module("redis_grants", arguments, **how)

        assert grant(check_mode=True)["changed"] and "lifeboat" not in server.cli("ACL", "USERS")
        assert grant()["changed"] and not grant()["changed"]
        assert not run_module("redis_grants", {"login_port": server.port, "user": "lifeboat"})["changed"]
        server.cli("ACL", "SETUSER", "lifeboat", "+get", "~*")
        assert grant()["changed"], "a right too many is taken away"
        place = RedisPlace(tmp_path)
        assert place.back_up(server, login_user="lifeboat", login_password=PASSWORD)["changed"]
        denied = server.cli("ACL", "DRYRUN", "lifeboat", "GET", "secret")
        assert "no permissions" in denied or "NOPERM" in denied, denied
        assert "there is no such user yet" in grant(user="other", user_password=None)["msg"]
        assert "is not a name" in grant(user="default")["msg"]
        assert "user lifeboat" in (server.folder / "server.conf").read_text(), "a restart keeps it"


def test_a_plan_says_what_each_of_its_components_needs() -> None:
    components = [
        {"name": "codex", "engine": "postgresql", "dsn": "postgresql://backup@db1/codex"},
        {"name": "ledger", "engine": "postgresql", "dsn": "host=db1 user=other"},
        {"name": "base", "engine": "postgresql_physical"},
        {"name": "GH", "engine": "jetstream", "domain": "hub"},
        {"name": "sessions", "engine": "redis", "login_user": "dumper"},
        {"name": "files", "engine": "paths"},
    ]
    said = {one["name"]: one for one in plan_grants({"components": components})}
    assert [one["user"] for one in said.values()] == ["backup", "other", "lifeboat", "lifeboat", "dumper"]
    assert said["codex"]["lines"] == ['CREATE ROLE "backup" LOGIN;', 'GRANT pg_read_all_data TO "backup";']
    assert 'ALTER ROLE "lifeboat" REPLICATION;' in said["base"]["lines"]
    assert said["GH"]["module"] == "" and "$JS.hub.API.STREAM.SNAPSHOT.*" in "".join(said["GH"]["lines"])
    assert said["sessions"]["lines"] == [
        "ACL SETUSER dumper on >PASSWORD resetkeys resetchannels -@all +psync +replconf +info"
    ]
