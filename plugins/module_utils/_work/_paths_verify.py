# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``paths_verify``: a backup of files, proven by restic's own check and by files that come back."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._options import RESTIC_SPEC, check_restic
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verify_run import SCRATCH_DIR_SPEC, prove, verify_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **verify_spec(STORE),
    **SCRATCH_DIR_SPEC,
    **RESTIC_SPEC,
    "restic_read_data_subset": {"type": "str", "default": "5%"},
    "restic_sample_files": {"type": "int", "default": 100},
    "restic_sample_bytes": {"type": "int", "default": 256 << 20},
    "restic_sample_seed": {"type": "str"},
}
_SUBSET = re.compile(r"0|\d+/\d+|\d+(\.\d+)?%|\d+[kKmMgGtT]")


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the backup is not proven."""
    options = module.params
    read_assertions(options["checks"], STORE)  # there are none to files
    check_proof(options)

    def make(copies: t.Sequence[StoredBackup], deadline: Deadline, progress: Progress) -> Verification:
        return _verification(options, copies, deadline, progress)

    return prove(module, STORE, make)


def check_proof(options: t.Mapping[str, t.Any]) -> None:
    """Raise OptionError for what cannot be right in the options of a proof."""
    check_restic(options)
    if not _SUBSET.fullmatch(options["restic_read_data_subset"]):
        raise OptionError(
            f"restic_read_data_subset: {options['restic_read_data_subset']!r} is not a part of the data.",
            hint="Write it as 5%, 3/20 (the third of twenty parts) or 2G; 100% reads all, 0 nothing.",
        )
    for option in ("restic_sample_files", "restic_sample_bytes"):
        if options[option] < 1:
            raise OptionError(f"{option} is {options[option]}.", hint="Use 1 or more.")


def _verification(
    options: t.Mapping[str, t.Any], copies: t.Sequence[StoredBackup], deadline: Deadline, progress: Progress
) -> Verification:
    from ansible_collections.lifeboat.dr.plugins.module_utils._restic._restic import Restic
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.paths._paths import Options, PathsVerification

    how = Options(
        profile=options["profile"],
        read_data_subset=options["restic_read_data_subset"],
        sample_files=options["restic_sample_files"],
        sample_bytes=options["restic_sample_bytes"],
        seed=options["restic_sample_seed"] or datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        scratch_dir=options["scratch_dir"],
    )
    return PathsVerification(copies, lambda place: Restic(options, deadline, place), how, deadline, progress)
