# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Which verification proves the backups of which engine. A new store is a function here, and its line in ENGINES.

An option that says where or with what one store is restored (``bin_dir``, ``nats_server_binary``) is for that store's backups, and without
meaning for all others, so that one plan can name both. A question belongs to one store, and is refused for another.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import Assertion
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification

    Make = t.Callable[[AnsibleModule, t.Sequence[StoredBackup], tuple[Assertion, ...], Deadline, Progress], Verification]


def _postgresql(
    module: AnsibleModule, copies: t.Sequence[StoredBackup], assertions: tuple[Assertion, ...], deadline: Deadline, progress: Progress
) -> Verification:
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._postgres import Options, PostgresVerification

    options = module.params
    how = Options(
        profile=options["profile"],
        assertions=assertions,
        jobs=options["jobs"],
        scratch_dir=options["scratch_dir"],
        scratch_user=options["scratch_user"],
        bin_dir=options["bin_dir"],
        allow_vulnerable_client=options["allow_vulnerable_client"],
    )
    return PostgresVerification(copies, how, deadline, progress)


def _jetstream(
    module: AnsibleModule, copies: t.Sequence[StoredBackup], assertions: tuple[Assertion, ...], deadline: Deadline, progress: Progress
) -> Verification:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream._connection import connection_from_options
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._jetstream import JetStreamVerification, Options

    options = module.params
    how = Options(
        profile=options["profile"],
        assertions=assertions,
        jobs=options["jobs"],
        scratch_dir=options["scratch_dir"],
        nats_server_binary=options["nats_server_binary"],
        account=connection_from_options(options["scratch_account"]) if options["scratch_account"] else None,
    )
    return JetStreamVerification(copies, how, deadline, progress)


ENGINES: dict[str, Make] = {"postgresql": _postgresql, "jetstream": _jetstream}
