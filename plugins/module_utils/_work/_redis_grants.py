# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``redis_grants``: a user that may back up, and nothing more."""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._options import CONNECTION_SPEC

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Connection

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **CONNECTION_SPEC,
    "user": {"type": "str", "required": True},
    "user_password": {"type": "str", "no_log": True},
}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server import _grants
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import server_from_options

    options = module.params
    user, password = options["user"], options["user_password"] or ""
    if not _NAME.fullmatch(user) or user == "default":
        raise OptionError(f"user: {user!r} is not a name for a user that backs up.", hint="Use one such as lifeboat.")
    hashed = hashlib.sha256(password.encode()).hexdigest() if password else ""
    server = server_from_options(options)
    with server.connect(Deadline(60)) as connection:
        before = connection.call("ACL", "GETUSER", user)
        changed = not _grants.is_granted(before, hashed)
        if changed and not hashed and not isinstance(before, list):
            raise OptionError("user_password is missing: there is no such user yet.", hint="Give it a long one.")
        if changed and not module.check_mode:
            connection.text("ACL", "SETUSER", user, *_grants.words(hashed))
            why_not = _kept(connection)
            if why_not:
                module.warn(f"The user {user} is there until {server} restarts: {why_not} Set aclfile, or its config.")
    return {"changed": changed, "server": str(server), "rule": _grants.rule(user)}


def _kept(connection: Connection) -> str:
    """Write the users to the server's file; why it cannot."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import ServerError
    from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._replication import persist

    try:
        connection.text("ACL", "SAVE")
    except ServerError:
        return persist(connection)[1]
    return ""
