# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``jetstream_verify``: the streams of an account, restored into a scratch place and compared."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._options import (
    CONNECTION_RULES,
    CONNECTION_SPEC,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import ACCOUNT_SPEC, open_account
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verify_run import SCRATCH_DIR_SPEC, prove, verify_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **verify_spec(STORE),
    **SCRATCH_DIR_SPEC,
    **ACCOUNT_SPEC,
    "exclude": {"type": "list", "elements": "str", "default": []},
    "nats_server_binary": {"type": "path"},
    "nats_scratch_account": {"type": "dict", "options": CONNECTION_SPEC, **CONNECTION_RULES},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the backup is not proven."""
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import (
        connection_from_options,
    )
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._jetstream import (
        JetStreamVerification,
        Options,
    )
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_questions import check_places

    options = module.params
    assertions = read_assertions(options["checks"], STORE)
    check_places(assertions)
    place = connection_from_options(options["nats_scratch_account"]) if options["nats_scratch_account"] else None
    how = Options(
        profile=options["profile"],
        assertions=assertions,
        jobs=options["jobs"],
        scratch_dir=options["scratch_dir"],
        nats_server_binary=options["nats_server_binary"],
        account=functools.partial(open_account, options),
        streams_account=place,
        exclude=tuple(options["exclude"]),
    )
    return prove(
        module, STORE, lambda copies, deadline, progress: JetStreamVerification(copies, how, deadline, progress)
    )
