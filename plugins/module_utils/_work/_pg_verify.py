# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_verify``: a backup of PostgreSQL, restored into a scratch cluster and compared."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import (
    SCRATCH_SPEC,
    TOOLS_SPEC,
    preloaded,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import open_account
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verify_run import prove, verify_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**verify_spec(STORE), **TOOLS_SPEC, **SCRATCH_SPEC}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the backup is not proven."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._postgres import (
        Options,
        PostgresVerification,
    )

    options = module.params
    how = Options(
        profile=options["profile"],
        assertions=read_assertions(options["checks"], STORE),
        jobs=options["jobs"],
        scratch_dir=options["scratch_dir"],
        account=functools.partial(open_account, options),
        bin_dir=options["bin_dir"],
        allow_vulnerable_client=options["allow_vulnerable_client"],
        preload=preloaded(options),
    )
    return prove(
        module, STORE, lambda copies, deadline, progress: PostgresVerification(copies, how, deadline, progress)
    )
