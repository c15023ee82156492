# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What follows for a plan from what its buckets and its file of recipients said of themselves. Pure.

``asked`` is the result of the module ``repository_info``. What was not answered is said, and never taken for good.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_findings import (
    DAY,
    DETECTION_WINDOW,
    GAP,
    NOTE,
    Finding,
    reach_of,
    span,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import objectives_of, retention_of

if t.TYPE_CHECKING:
    import datetime

    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Values


def asked_findings(plan: Values, asked: Values) -> list[Finding]:
    """Every finding."""
    found: list[Finding] = []
    window = max(
        objectives_of(plan, component["name"]).get("detection_window", DETECTION_WINDOW)
        for component in plan["components"]
    )
    for one in asked.get("repositories") or []:
        if one.get("bucket"):
            found += _of_bucket(plan, one, window)
    return [*found, *_recipients(plan, asked.get("recipients"))]


def _of_bucket(plan: Values, one: Values, window: datetime.timedelta) -> t.Iterator[Finding]:
    name = one["name"]
    if not one.get("asked"):
        yield Finding(
            NOTE,
            "repositories",
            f"nobody knows whether a lifecycle rule deletes what is in {name}, or a lock keeps it: {one.get('why')}",
            "Let this key read the bucket's lifecycle, object lock and versioning, or look at them by hand.",
        )
        return
    prefix = f"{one['prefix']}/" if one.get("prefix") else ""
    for rule in one["lifecycle"]:
        if rule["enabled"] and (rule["prefix"].startswith(prefix) or prefix.startswith(rule["prefix"])):
            yield from _of_rule(name, rule, window.days)
    yield from _protection(plan, one, window)


def _of_rule(name: str, rule: Values, window_days: int) -> t.Iterator[Finding]:
    called = f"the lifecycle rule {rule['id'] or 'without a name'} of {name}"
    if rule["expire_days"] or any(str(other).startswith("date ") for other in rule["other"]):
        when = f"after {rule['expire_days']} days" if rule["expire_days"] else "on a date"
        yield Finding(
            GAP,
            "repositories",
            f"{called} deletes backups {when}, whatever the retention of the plan keeps.",
            "Remove its expiration, or give it another prefix; let retention and backup_prune alone delete.",
        )
    if rule["noncurrent_expire_days"] and rule["noncurrent_expire_days"] < window_days:
        yield Finding(
            GAP,
            "repositories",
            f"{called} ends what a stolen key has hidden after {rule['noncurrent_expire_days']} days, and nobody may "
            f"notice it for {window_days}.",
            f"Let it keep noncurrent versions for {window_days} days or more.",
        )
    archived = [one for one in rule["transitions"] if one["storage_class"] in ("GLACIER", "DEEP_ARCHIVE")]
    if archived and rule["tags"].get("lifeboat") != "artifact":
        yield Finding(
            GAP,
            "repositories",
            f"{called} moves manifests, too, to {archived[0]['storage_class']} after {archived[0]['days']} days, where "
            "nothing can read them: the catalog forgets these backups.",
            "Use transitions of the repository instead, which move artifacts alone.",
        )


def _protection(plan: Values, one: Values, window: datetime.timedelta) -> t.Iterator[Finding]:
    """Against who has the key of the host."""
    lock, name = one["object_lock"], one["name"]
    if not lock["enabled"] and one["versioning"] != "Enabled":
        yield Finding(
            NOTE,
            "repositories",
            f"{name} has neither versions nor an object lock: who has this host's key can destroy every backup in it.",
            "Switch the bucket's versioning on, and withhold s3:DeleteObjectVersion; or use object lock.",
        )
    if not lock["enabled"] or not lock["days"]:
        return
    if lock["days"] < window.days:
        yield Finding(
            NOTE,
            "repositories",
            f"the object lock of {name} ends after {lock['days']} days, before damage must be noticed: {span(window)}.",
            f"Lock for {window.days} days or more.",
        )
    for component in plan["components"]:
        retention = retention_of(plan, component["name"])
        if retention is not None and reach_of(retention, DAY).days < lock["days"]:
            yield Finding(
                NOTE,
                "retention.keep",
                f"the object lock of {name} keeps each backup for {lock['days']} days, longer than the retention does: "
                "the lock decides what is stored, and what it costs.",
                "Lock for less, or keep backups for longer.",
                component["name"],
            )


def _recipients(plan: Values, counted: Values | None) -> t.Iterator[Finding]:
    encryption = plan.get("encryption") or {}
    if not encryption.get("recipients_file"):
        return
    others = {*(encryption.get("recipients") or ()), *(encryption.get("recipient_key_files") or ())}
    count = (counted or {}).get("count")
    if count is None:
        yield Finding(
            NOTE,
            "encryption.recipients_file",
            f"how many keys open the backups is not known: {(counted or {}).get('why') or 'nobody looked'}",
            "Run the check on a host that has the file: -e lifeboat_hosts=HOST.",
        )
    elif count + len(others) == 1:
        yield Finding(
            GAP,
            "encryption.recipients_file",
            "one key alone opens the backups: when it is lost, so are they.",
            "Add a second recipient to the file, whose key is kept offline.",
        )
