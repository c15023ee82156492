# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``redis_verify``: the RDBs of a backup, loaded into a scratch server and compared."""

from __future__ import annotations

import functools
import shlex
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ACCOUNT_SPEC, open_account
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verify_run import SCRATCH_DIR_SPEC, prove, verify_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import Assertion

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **verify_spec(STORE),
    **SCRATCH_DIR_SPEC,
    **ACCOUNT_SPEC,
    "redis_server_binary": {"type": "path"},
    "redis_modules": {"type": "list", "elements": "path", "default": []},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the backup is not proven."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.redis._redis import Options, RedisVerification

    options = module.params
    assertions = read_assertions(options["checks"], STORE)
    check_commands(assertions)
    how = Options(
        profile=options["profile"],
        assertions=assertions,
        account=functools.partial(open_account, options),
        scratch_dir=options["scratch_dir"],
        binary=options["redis_server_binary"],
        modules=tuple(options["redis_modules"]),
    )
    return prove(module, STORE, lambda copies, deadline, progress: RedisVerification(copies, how, deadline, progress))


def check_commands(assertions: t.Iterable[Assertion]) -> None:
    """Raise OptionError for a question that cannot be sent."""
    for assertion in assertions:
        try:
            words = shlex.split(assertion.where["command"])
        except ValueError as error:
            raise OptionError(f"The check {assertion.name!r}: its command cannot be read: {error}.") from None
        if not words:
            raise OptionError(f"The check {assertion.name!r}: its command is empty.", hint="Write it as DBSIZE.")
        if not assertion.where.get("database", "0").isdigit():
            raise OptionError(
                f"The check {assertion.name!r}: {assertion.where['database']!r} is not the number of a database."
            )
