# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Takes the steps of a plan, and looks afterwards at what the servers made of them."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _object_lock
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup, read_setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _plan, _rules
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

_OF_SEVERAL_TOOLS = ("replication", "lifecycle")  # one document holds the rules of all of them
_ESSENTIAL = ("bucket", "enabled", "prefix", "tags")  # a rule that differs in these replicates something else


def apply(plan: _plan.Plan, sides: t.Mapping[str, Side]) -> list[str]:
    """Take the steps, in order. Gives what was done. Raises LifeboatError, which says what was done before it."""
    done: list[str] = []
    for step in plan.steps:
        state = f"Done before: {', '.join(done)}." if done else "Nothing was changed."
        side = sides[step.side]
        if step.what in _OF_SEVERAL_TOOLS:
            _check_unmoved(side, (plan.before[step.side], step.setup), step.what, state)
        try:
            _take(step, side, plan.before[step.side], state)
        except S3Error as error:
            raise _explained(error, step, side) from None
        done.append(f"{step.what} of {side.name}")
    return done


def _take(step: _plan.Step, side: Side, before: Setup, state: str) -> None:
    bucket, setup = side.bucket, step.setup

    def write(request: t.Callable[[t.Any], t.Any]) -> None:
        side.call(f"Setting the {step.what}", request, state=state)

    if step.what == "versioning":
        write(
            lambda client: client.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": setup.versioning}
            )
        )
    elif step.what == "object_lock":
        write(
            lambda client: client.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration=_object_lock.to_wire(setup.lock)
            )
        )
    elif step.what == "lifecycle":
        write_lifecycle(side, setup, state)
    elif setup.rules:
        configuration = {"Role": setup.role, "Rules": list(setup.rules)}
        write(lambda client: client.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=configuration))
    elif before.rules:
        write(lambda client: client.delete_bucket_replication(Bucket=bucket))


def write_lifecycle(side: Side, setup: Setup, state: str = "Nothing was changed.") -> None:
    """Replace the bucket's lifecycle rules by those of ``setup``. Raises S3Error, which says the ``state``."""
    bucket = side.bucket

    def write(request: t.Callable[[t.Any], t.Any]) -> None:
        side.call("Setting the lifecycle", request, state=state)

    if not setup.lifecycle:
        write(lambda client: client.delete_bucket_lifecycle(Bucket=bucket))
        return
    size = {"TransitionDefaultMinimumObjectSize": setup.lifecycle_minimum_size} if setup.lifecycle_minimum_size else {}
    configuration = {"Rules": list(setup.lifecycle)}
    write(
        lambda client: client.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration=configuration, **size
        )
    )


def _check_unmoved(side: Side, expected: t.Sequence[Setup], what: str, state: str) -> None:
    """S3 has no conditional write for this, so look once more, right before it: another tool's new rule must not
    vanish. ``expected`` is what was there when it was planned, and what is to be there: the zones of a Ceph zone group
    share what was just written into another one.
    """
    now = _plan.part(read_setup(side, public_access=False), what)
    if now not in [_plan.part(setup, what) for setup in expected]:
        raise LifeboatError(
            f"The {what} rules of {side.name} were changed by somebody else just now. {state}", hint="Run again."
        )


def _explained(error: S3Error, step: _plan.Step, side: Side) -> LifeboatError:
    """The refusals that people meet, with their real cause."""
    if step.what == "replication" and error.status == 403:
        return LifeboatError(
            f"{error.message} Writing replication rules needs s3:PutReplicationConfiguration on the bucket, and "
            "iam:PassRole on role_arn: "
            f"{step.setup.role!r}; without the second S3 answers just AccessDenied.",
            hint="Grant both to this key; iam:PassRole with the role as its resource.",
            details=error.details,
        )
    if step.what == "object_lock" and error.code in (
        "InvalidBucketState",
        "ObjectLockConfigurationNotFoundError",
        "MalformedXML",
    ):
        return LifeboatError(
            f"{error.message} object_lock: this server locks only buckets that were created with object lock.",
            hint=f"Create {side.bucket} anew with object lock enabled, or remove object_lock.",
            details=error.details,
        )
    return error


def read_back(plan: _plan.Plan, after: t.Mapping[str, Setup], drops: t.Container[str]) -> list[str]:
    """What the servers did not keep of it. Raises LifeboatError when that changes what is replicated or protected."""
    lost: list[str] = []
    for step in plan.steps:
        want, have = _plan.part(step.setup, step.what), _plan.part(after[step.side], step.what)
        if step.what == "replication":
            lost += _lost_of_rules(step, after[step.side], drops)
        elif want != have and step.what == "lifecycle":
            lost.append(f"lifecycle of the {step.side}: the server keeps {json.dumps(have)}")
        elif want != have:
            raise LifeboatError(
                f"The {step.side}'s {step.what} was set to {json.dumps(want)} and reads back as {json.dumps(have)}.",
                hint="Look at the bucket with the server's own tools: it did not do what it acknowledged.",
            )
    return lost


def _lost_of_rules(step: _plan.Step, after: Setup, drops: t.Container[str]) -> list[str]:
    have = {rule["id"]: rule for rule in map(_rules.normalise, after.rules)}
    lost = []
    for want in map(_rules.normalise, step.setup.rules):
        found = have.get(want["id"])
        fields = _rules.differences(found, want, drops) if found else ["id"]
        for field in fields:
            if field == "id" or field in _ESSENTIAL:
                raise LifeboatError(
                    f"The rule {want['id']!r} of the {step.side} was accepted, and reads back with another {field}.",
                    hint="Set state to absent to remove it; this server cannot keep such a rule.",
                )
            lost.append(f"rules[{want['id']}].{field}: {json.dumps(want[field])}")
    return lost
