# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``s3_verify``: an inventory of a pair of buckets, held against both of them."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration, seconds_or_zero
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_pair, open_side, side_spec
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._assertions import read_assertions
from ansible_collections.lifeboat.dr.plugins.module_utils._work._verify_run import SCRATCH_DIR_SPEC, prove, verify_spec

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification

BUCKETS_SPEC: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        "source": side_spec(required=False),
        "destination": side_spec(),
        "grace": {"type": "str", "default": "15m"},
        "sample": {"type": "int", "default": 100},
        "sample_seed": {"type": "str"},
        "parallel": {"type": "int", "default": 32},
    },
}
"""The option ``buckets``: how both sides of an inventory are reached, since its manifest has no credentials."""

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {**verify_spec(STORE), **SCRATCH_DIR_SPEC, "buckets": BUCKETS_SPEC}
_MOST_SAMPLED, _MOST_PARALLEL = 1_000_000, 256


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it when the inventory does not hold."""
    options = module.params
    read_assertions(options["checks"], STORE)  # there are none to a pair of buckets

    def make(copies: t.Sequence[StoredBackup], deadline: Deadline, progress: Progress) -> Verification:
        return _verification(options, copies, deadline, progress)

    return prove(module, STORE, make, lambda manifest: check_buckets(options, manifest), _sides_asked(options))


def _sides_asked(options: t.Mapping[str, t.Any]) -> list[str]:
    """A proof without the source, or with a replica on another server, does not stand for this one."""
    if options["profile"] == "artifact":
        return []
    given = {role: side for role, side in (options["buckets"] or {}).items() if role in ("source", "destination")}
    return [f"{role} {side['endpoint_url'] or ''} {side['bucket']}" for role, side in given.items() if side]


def _verification(
    options: t.Mapping[str, t.Any], copies: t.Sequence[StoredBackup], deadline: Deadline, progress: Progress
) -> Verification:
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.s3._s3 import Options, S3Verification
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.s3._s3_alone import DestinationVerification

    given = options["buckets"]
    how = Options(profile=options["profile"], scratch_dir=options["scratch_dir"])
    if given and options["profile"] != "artifact":
        how = dataclasses.replace(
            how,
            sides=_opened(given, seconds_or_zero("time_limit", options["time_limit"])),
            grace_seconds=parse_duration("buckets.grace", given["grace"]).total_seconds(),
            sample=given["sample"],
            seed=given["sample_seed"] or datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
            parallel=given["parallel"],
        )
    alone = bool(given) and not given["source"]
    return (DestinationVerification if alone else S3Verification)(copies, how, deadline, progress)


def _opened(given: t.Mapping[str, t.Any], time_limit: float = 0) -> tuple[Side, Side]:
    """Both sides; without a source, the destination in place of both. Raises OptionError."""
    if given["source"]:
        return open_pair(given["source"], given["destination"], connections=given["parallel"], time_limit=time_limit)
    destination = open_side("destination", given["destination"], connections=given["parallel"], time_limit=time_limit)
    return destination, destination


def check_buckets(options: t.Mapping[str, t.Any], manifest: Manifest) -> None:
    """Refuse, before anything is read, ``buckets`` that cannot be those of the inventory. Raises OptionError."""
    given = options["buckets"]
    if options["profile"] == "artifact":
        return
    if not given:
        raise OptionError(
            f"The backup is of a pair of buckets, and profile {options['profile']} asks both; buckets is not given.",
            hint="Give buckets: {source: ..., destination: ...}, as s3_inventory had them, without source where that "
            "is gone, or use "
            "profile: artifact.",
        )
    for name, least, most in (("sample", 0, _MOST_SAMPLED), ("parallel", 1, _MOST_PARALLEL)):
        if not least <= given[name] <= most:
            raise OptionError(f"buckets.{name} is {given[name]}.", hint=f"Use {least} to {most}.")
    parse_duration("buckets.grace", given["grace"])
    _opened(given)
    for role in ("source", "destination") if given["source"] else ("destination",):
        recorded, named = manifest.content[role]["bucket"], given[role]["bucket"]
        if recorded != named:
            raise OptionError(
                f"buckets.{role}.bucket is {named}, and the inventory was made of {recorded}.",
                hint="Name the buckets of the inventory; another pair needs an inventory of its own.",
            )
