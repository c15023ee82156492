# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pgbackrest_verify``: a backup of pgBackRest, restored and recovered in a sandbox, and asked."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._options import STANZA_SPEC, check_stanza
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import (
    SCRATCH_SPEC,
    TOOLS_SPEC,
    preloaded,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import open_account
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verify_run import prove, verify_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Log
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **verify_spec(STORE),
    **TOOLS_SPEC,
    **SCRATCH_SPEC,
    **STANZA_SPEC,
    "stanza": {"type": "str"},
    "pgbackrest_repo": {"type": "int"},
    "pgbackrest_superuser": {"type": "str", "default": "postgres"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the backup is not proven."""
    options = module.params
    assertions = read_assertions(options["checks"], STORE)

    def make(copies: t.Sequence[StoredBackup], deadline: Deadline, progress: Progress) -> Verification:
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._content import read_content
        from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest
        from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._backrest import (
            BackrestVerification,
        )
        from ansible_collections.lifeboat.dr.plugins.module_utils._verify.postgres._physical import Options

        facts = read_content(copies[0].manifest)[1]
        where = {
            **options,
            "stanza": options["stanza"] or facts.stanza,
            "pgbackrest_config": options["pgbackrest_config"] or facts.config,
            "pgbackrest_repo": options["pgbackrest_repo"] or facts.repo,
        }
        check_stanza(where)
        how = Options(
            profile=options["profile"],
            log=_no_log,
            aim=None,
            assertions=assertions,
            account=functools.partial(open_account, options),
            scratch_dir=options["scratch_dir"],
            bin_dir=options["bin_dir"],
            allow_vulnerable_client=options["allow_vulnerable_client"],
            preload=preloaded(options),
        )
        return BackrestVerification(
            copies, Backrest(where, deadline), options["pgbackrest_superuser"], how, deadline, progress
        )

    return prove(module, STORE, make)


def _no_log(_content: object) -> Log:
    raise AssertionError("the log is pgBackRest's")
