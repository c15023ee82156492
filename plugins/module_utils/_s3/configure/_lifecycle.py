# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Lifecycle rules: from the options to one normal form, and between that and S3's shape. Pure.

Transitions are compared as sets, because radosgw gives them back in another order. Rules of others are kept word by
word.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

Rule = dict[str, t.Any]

DEFAULTS: Rule = {
    "enabled": True,
    "prefix": "",
    "tags": {},
    "size_greater_than": None,
    "size_less_than": None,
    "transitions": [],
    "noncurrent_transitions": [],
    "expire_days": None,
    "expire_delete_markers": False,
    "noncurrent_expire_days": None,
    "noncurrent_keep_versions": None,
    "abort_uploads_days": None,
    "other": [],
}
_KNOWN = {
    "ID",
    "Status",
    "Prefix",
    "Filter",
    "Transitions",
    "NoncurrentVersionTransitions",
    "Expiration",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
}
_DOES_SOMETHING = (
    "transitions",
    "noncurrent_transitions",
    "expire_days",
    "expire_delete_markers",
    "noncurrent_expire_days",
    "abort_uploads_days",
)


def normalise(rule: t.Mapping[str, t.Any]) -> Rule:
    """S3's shape of one lifecycle rule in the normal form."""
    filter_ = rule.get("Filter") or {}
    part = {**filter_, **(filter_.get("And") or {})}
    tags = [*part.get("Tags", []), *([filter_["Tag"]] if filter_.get("Tag") else [])]
    expiration = rule.get("Expiration") or {}
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    dated = [f"date {entry['Date']}" for entry in [*rule.get("Transitions", []), expiration] if entry.get("Date")]
    return {
        "id": rule.get("ID", ""),
        "enabled": rule.get("Status") == "Enabled",
        "prefix": part.get("Prefix") or rule.get("Prefix") or "",
        "tags": {tag["Key"]: tag["Value"] for tag in sorted(tags, key=lambda tag: str(tag["Key"]))},
        "size_greater_than": part.get("ObjectSizeGreaterThan") or None,
        "size_less_than": part.get("ObjectSizeLessThan") or None,
        "transitions": _sorted(
            {"days": entry.get("Days"), "storage_class": entry["StorageClass"]}
            for entry in rule.get("Transitions") or []
        ),
        "noncurrent_transitions": _sorted(
            {"days": entry.get("NoncurrentDays"), "storage_class": entry["StorageClass"]}
            for entry in rule.get("NoncurrentVersionTransitions") or []
        ),
        "expire_days": expiration.get("Days") or None,
        "expire_delete_markers": bool(expiration.get("ExpiredObjectDeleteMarker")),
        "noncurrent_expire_days": noncurrent.get("NoncurrentDays") or None,
        "noncurrent_keep_versions": noncurrent.get("NewerNoncurrentVersions") or None,
        "abort_uploads_days": (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation") or None,
        "other": sorted([*dated, *(key for key in rule if key not in _KNOWN)]),
    }


def _sorted(entries: t.Iterable[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    return sorted(entries, key=lambda entry: (entry["days"] or 0, entry["storage_class"]))


def to_wire(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The normal form in S3's shape."""
    full = {**DEFAULTS, **rule}
    wire: dict[str, t.Any] = {
        "ID": full["id"],
        "Status": "Enabled" if full["enabled"] else "Disabled",
        "Filter": _filter(full),
    }
    if full["transitions"]:
        wire["Transitions"] = [
            {"Days": entry["days"], "StorageClass": entry["storage_class"]} for entry in full["transitions"]
        ]
    if full["noncurrent_transitions"]:
        wire["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": entry["days"], "StorageClass": entry["storage_class"]}
            for entry in full["noncurrent_transitions"]
        ]
    if full["expire_days"]:
        wire["Expiration"] = {"Days": full["expire_days"]}
    elif full["expire_delete_markers"]:
        wire["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if full["noncurrent_expire_days"]:
        keep = full["noncurrent_keep_versions"]
        wire["NoncurrentVersionExpiration"] = {
            "NoncurrentDays": full["noncurrent_expire_days"],
            **({"NewerNoncurrentVersions": keep} if keep else {}),
        }
    if full["abort_uploads_days"]:
        wire["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": full["abort_uploads_days"]}
    return wire


def _filter(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """One condition stands alone, several stand under ``And``."""
    conditions: dict[str, t.Any] = {}
    if rule["prefix"]:
        conditions["Prefix"] = rule["prefix"]
    if rule["size_greater_than"]:
        conditions["ObjectSizeGreaterThan"] = rule["size_greater_than"]
    if rule["size_less_than"]:
        conditions["ObjectSizeLessThan"] = rule["size_less_than"]
    tags = [{"Key": key, "Value": value} for key, value in sorted(rule["tags"].items())]
    if not tags and len(conditions) <= 1:
        return conditions or {"Prefix": ""}
    if len(tags) == 1 and not conditions:
        return {"Tag": tags[0]}
    return {"And": {**conditions, **({"Tags": tags} if tags else {})}}


def from_option(rule: t.Mapping[str, t.Any]) -> Rule:
    """The normal form of an entry of the option ``lifecycle.rules``. Raises OptionError."""
    option = f"lifecycle.rules[{rule['id']}]"
    normal = {**DEFAULTS, **{key: rule[key] for key in DEFAULTS if rule.get(key) is not None}, "id": rule["id"]}
    normal["tags"] = {str(key): str(value) for key, value in sorted(normal["tags"].items())}
    for kind in ("transitions", "noncurrent_transitions"):
        normal[kind] = _sorted(
            {"days": entry["days"], "storage_class": entry["storage_class"]} for entry in normal[kind]
        )
    if not any(normal[key] for key in _DOES_SOMETHING):
        raise OptionError(f"{option} does nothing.", hint=f"Give it one of {', '.join(_DOES_SOMETHING)}.")
    if normal["expire_days"] and normal["expire_delete_markers"]:
        raise OptionError(f"{option} has both expire_days and expire_delete_markers.", hint="Use two rules.")
    if normal["noncurrent_keep_versions"] and not normal["noncurrent_expire_days"]:
        raise OptionError(
            f"{option}.noncurrent_keep_versions needs noncurrent_expire_days.", hint="Add noncurrent_expire_days."
        )
    for key in DEFAULTS:
        if key.endswith("_days") and normal[key] is not None and normal[key] < 1:
            raise OptionError(f"{option}.{key} is {normal[key]}.", hint="Use 1 or more.")
    return normal


def merge(have: t.Sequence[t.Mapping[str, t.Any]], want: t.Sequence[Rule], *, purge: bool) -> list[dict[str, t.Any]]:
    """S3's shape of the rules that should be there: ``want``, and those of others (S3's shape, as read) unless
    ``purge``.
    """
    wanted = {rule["id"]: rule for rule in want}
    merged: list[dict[str, t.Any]] = []
    for rule in have:
        new = wanted.pop(rule.get("ID", ""), None)
        if new is not None:
            merged.append(dict(rule) if normalise(rule) == new else to_wire(new))
        elif not purge:
            merged.append(dict(rule))
    return [*merged, *(to_wire(rule) for rule in wanted.values())]


def described(rule: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """For people: the rule without what has its default."""
    return {
        "id": rule["id"],
        **{key: rule[key] for key in DEFAULTS if key in ("enabled", "prefix") or rule[key] != DEFAULTS[key]},
    }
