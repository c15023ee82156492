# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Replication rules: from the options to one normal form, and between that and S3's shape. Pure.

S3 has several spellings of the same rule: a filter can be absent, empty, an empty prefix, or the old ``Prefix`` outside
of a filter, and what is off can be absent or ``Disabled``. Rules are compared in the normal form only, so a spelling is
never a difference. The shape is that of botocore's ``PutBucketReplication`` (version 2 of rules: with a filter).
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import bucket_of_arn

Rule = dict[str, t.Any]
"""A normalised rule: the keys are those of ``DEFAULTS`` and ``id``, ``bucket``; what this collection does not know is
in ``other``.
"""

DEFAULTS: Rule = {
    "priority": 0,
    "enabled": True,
    "prefix": "",
    "tags": {},
    "delete_markers": False,
    "replica_modifications": False,
    "replication_time": False,
    "metrics": False,
    "storage_class": "",
    "kms_key_arn": "",
    "account_id": "",
    "owner_override": False,
    "other": {},
}
_MINUTES = 15  # the only value that S3 takes


def normalise(rule: t.Mapping[str, t.Any]) -> Rule:
    """S3's shape of one rule in the normal form."""
    target = dict(rule.get("Destination", {}))
    time = _on(target.get("ReplicationTime"))
    filter_ = rule.get("Filter") or {}
    both = filter_.get("And") or {}
    tags = [*both.get("Tags", []), *([filter_["Tag"]] if filter_.get("Tag") else [])]
    selection = rule.get("SourceSelectionCriteria") or {}
    kms = (target.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID", "")
    other = {
        **({"ExistingObjectReplication": "Enabled"} if _on(rule.get("ExistingObjectReplication")) else {}),
        **({"DeleteReplication": "Enabled"} if _on(rule.get("DeleteReplication")) else {}),
        # KMS objects are selected and no key is named, or the other way round: our rules never look like this
        **({"SseKmsEncryptedObjects": "Enabled"} if _on(selection.get("SseKmsEncryptedObjects")) != bool(kms) else {}),
    }
    return {
        "id": rule.get("ID", ""),
        "bucket": bucket_of_arn(target.get("Bucket", "")),
        "priority": int(rule.get("Priority") or 0),
        "enabled": rule.get("Status") == "Enabled",
        "prefix": filter_.get("Prefix") or both.get("Prefix") or rule.get("Prefix") or "",
        "tags": {tag["Key"]: tag["Value"] for tag in sorted(tags, key=lambda tag: str(tag["Key"]))},
        "delete_markers": _on(rule.get("DeleteMarkerReplication")) or is_old(rule),
        "replica_modifications": _on(selection.get("ReplicaModifications")),
        "replication_time": time,
        "metrics": _on(target.get("Metrics")),
        "storage_class": target.get("StorageClass") or "",
        "kms_key_arn": kms,
        "account_id": target.get("Account") or "",
        "owner_override": bool(target.get("AccessControlTranslation")),
        "other": other,
    }


def is_old(rule: t.Mapping[str, t.Any]) -> bool:
    """Whether it is a rule of version 1, with a prefix outside of a filter: it replicates delete markers, and never
    mixes with new ones.
    """
    return "Filter" not in rule and "Prefix" in rule


def _on(part: t.Mapping[str, t.Any] | None) -> bool:
    return bool(part) and (part or {}).get("Status") == "Enabled"


def to_wire(rule: t.Mapping[str, t.Any], drops: t.Container[str] = (), partition: str = "aws") -> dict[str, t.Any]:
    """The normal form in S3's shape. ``drops`` are fields that the server would forget, so they are not sent."""
    sent = {**DEFAULTS, **{key: value for key, value in rule.items() if key not in drops}}
    target: dict[str, t.Any] = {"Bucket": f"arn:{partition}:s3:::{rule['bucket']}"}
    if sent["storage_class"]:
        target["StorageClass"] = sent["storage_class"]
    if sent["account_id"]:
        target["Account"] = sent["account_id"]
    if sent["owner_override"]:
        target["AccessControlTranslation"] = {"Owner": "Destination"}
    if sent["kms_key_arn"]:
        target["EncryptionConfiguration"] = {"ReplicaKmsKeyID": sent["kms_key_arn"]}
    if sent["replication_time"]:
        target["ReplicationTime"] = {"Status": "Enabled", "Time": {"Minutes": _MINUTES}}
    if sent["metrics"]:
        # S3 refuses a threshold without replication time
        threshold = {"EventThreshold": {"Minutes": _MINUTES}} if sent["replication_time"] else {}
        target["Metrics"] = {"Status": "Enabled", **threshold}
    wire: dict[str, t.Any] = {
        "ID": rule["id"],
        "Priority": sent["priority"],
        "Status": _status(sent["enabled"]),
        "Filter": _filter(sent["prefix"], sent["tags"]),
        "DeleteMarkerReplication": {"Status": _status(sent["delete_markers"])},
        "Destination": target,
    }
    selection: dict[str, t.Any] = {}
    if sent["kms_key_arn"]:
        selection["SseKmsEncryptedObjects"] = {"Status": "Enabled"}
    if sent["replica_modifications"]:
        selection["ReplicaModifications"] = {"Status": "Enabled"}
    return {**wire, **({"SourceSelectionCriteria": selection} if selection else {})}


def _status(on: bool) -> str:
    return "Enabled" if on else "Disabled"


def _filter(prefix: str, tags: t.Mapping[str, str]) -> dict[str, t.Any]:
    """``{"Prefix": ""}`` for everything: an empty ``Filter`` is lost by some clients and then refused by the server."""
    pairs = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    if not pairs:
        return {"Prefix": prefix}
    if len(pairs) == 1 and not prefix:
        return {"Tag": pairs[0]}
    return {"And": {**({"Prefix": prefix} if prefix else {}), "Tags": pairs}}


def from_option(rule: t.Mapping[str, t.Any], destination: t.Mapping[str, t.Any]) -> Rule:
    """The normal form of an entry of the option ``rules``.

    ``destination`` holds ``bucket`` and what belongs to that side.
    """
    return {
        **DEFAULTS,
        "id": rule["id"],
        "bucket": destination["bucket"],
        "priority": rule["priority"],
        "enabled": rule["enabled"],
        "prefix": rule["prefix"] or "",
        "tags": {str(key): str(value) for key, value in sorted((rule.get("tags") or {}).items())},
        "delete_markers": rule["delete_markers"],
        "replica_modifications": rule["replica_modifications"],
        "replication_time": rule["replication_time"],
        "metrics": rule["metrics"],
        "storage_class": rule.get("storage_class") or destination.get("storage_class") or "",
        "kms_key_arn": (destination.get("kms_key_arn") or "") if rule["replicate_kms"] else "",
        "account_id": destination.get("account_id") or "",
        "owner_override": bool(destination.get("owner_override")),
    }


def differences(have: t.Mapping[str, t.Any], want: t.Mapping[str, t.Any], drops: t.Container[str] = ()) -> list[str]:
    """The fields in which two normalised rules differ, without those that the server forgets."""
    return [field for field in want if field not in drops and have.get(field, DEFAULTS.get(field)) != want[field]]


def merge(have: t.Sequence[Rule], want: t.Sequence[Rule], *, purge: bool, drops: t.Container[str] = ()) -> list[Rule]:
    """The rules that should be there: ``want``, and those of others unless ``purge``. What is as wanted stays word by
    word as it is.

    The order is that of ``have``, new ones at the end, so that a difference in order is never one.
    """
    wanted = {rule["id"]: rule for rule in want}
    merged: list[Rule] = []
    for rule in have:
        new = wanted.pop(rule["id"], None)
        if new is not None:
            merged.append(new if differences(rule, new, drops) else rule)
        elif not purge:
            merged.append(rule)
    return [*merged, *wanted.values()]


def described(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """For people: the rule without what has its default."""
    return {
        "id": rule["id"],
        "to": rule["bucket"],
        **{
            key: rule[key] for key in DEFAULTS if key in ("priority", "enabled", "prefix") or rule[key] != DEFAULTS[key]
        },
    }
