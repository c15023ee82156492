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
_LADDER = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
_INFREQUENT, _LEAST_DAYS = ("STANDARD_IA", "ONEZONE_IA"), 30
_LONGEST_ID, _LONGEST_PREFIX, _MOST_RULES, _MOST_TAGS, _MOST_KEPT = 255, 1024, 1000, 10, 100
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
    _check_numbers(option, normal)
    _check_filter(option, normal)
    _check_order(option, "transitions", normal, "expire_days")
    _check_order(option, "noncurrent_transitions", normal, "noncurrent_expire_days")
    return normal


def check_ids(rules: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    """Raises OptionError when an id is used twice, or there are more rules than S3 takes."""
    seen: set[str] = set()
    for rule in rules:
        option = f"lifecycle.rules[{rule['id']}]"
        if rule["id"] in seen:
            raise OptionError(f"{option}: two rules have this id.", hint="Give each rule its own.")
        if not 1 <= len(rule["id"]) <= _LONGEST_ID:
            raise OptionError(f"{option}.id has {len(rule['id'])} characters.", hint=f"Use 1 to {_LONGEST_ID}.")
        seen.add(rule["id"])
    if len(rules) > _MOST_RULES:
        raise OptionError(f"lifecycle.rules has {len(rules)} entries.", hint=f"S3 takes {_MOST_RULES}.")


def _check_numbers(option: str, rule: Rule) -> None:
    for key in DEFAULTS:
        if key.endswith("_days") and rule[key] is not None and rule[key] < 1:
            raise OptionError(f"{option}.{key} is {rule[key]}.", hint="Use 1 or more.")
    for kind in ("transitions", "noncurrent_transitions"):
        for entry in rule[kind]:
            if entry["days"] < 0:
                raise OptionError(f"{option}.{kind}: {entry['days']} days.", hint="Use 0 or more.")
    keep = rule["noncurrent_keep_versions"]
    if keep is not None and not 1 <= keep <= _MOST_KEPT:
        raise OptionError(f"{option}.noncurrent_keep_versions is {keep}.", hint=f"Use 1 to {_MOST_KEPT}.")


def _check_filter(option: str, rule: Rule) -> None:
    """What no object can fulfil, and what S3 does not take together."""
    above, below = rule["size_greater_than"], rule["size_less_than"]
    for name, size in (("size_greater_than", above), ("size_less_than", below)):
        if size is not None and size < 0:
            raise OptionError(f"{option}.{name} is {size}.", hint="Use a number of bytes.")
    if above is not None and below is not None and above + 1 >= below:
        raise OptionError(
            f"{option}: size_greater_than: {above} and size_less_than: {below} leave no object.",
            hint="Exchange or correct them.",
        )
    if len(rule["tags"]) > _MOST_TAGS:
        raise OptionError(
            f"{option}.tags has {len(rule['tags'])} entries, and an object has {_MOST_TAGS} tags at most.",
            hint="Remove some: the rule is for objects that have all of them.",
        )
    if len(rule["prefix"].encode("utf-8", "surrogateescape")) > _LONGEST_PREFIX:
        raise OptionError(f"{option}.prefix has more than {_LONGEST_PREFIX} bytes.", hint="No key can be that long.")
    narrowed = [name for name in ("tags", "size_greater_than", "size_less_than") if rule[name]]
    for name in ("abort_uploads_days", "expire_delete_markers"):
        if rule[name] and narrowed:
            raise OptionError(
                f"{option}: {name} does not go with {narrowed[0]}: an unfinished upload and a delete marker have none.",
                hint="Use a rule of its own, with a prefix alone.",
            )


def _check_order(option: str, kind: str, rule: Rule, end: str) -> None:
    """Objects only go down, each time later than before, and are deleted last."""
    last_days, last_class = -1, ""
    for entry in rule[kind]:
        days, name = entry["days"], entry["storage_class"]
        if days == last_days:
            raise OptionError(
                f"{option}.{kind}: {last_class} and {name} are both after {days} days.", hint="Give each its own day."
            )
        if name in _LADDER and last_class in _LADDER and _LADDER.index(name) <= _LADDER.index(last_class):
            raise OptionError(
                f"{option}.{kind}: {name} after {days} days comes after {last_class} after {last_days} days, and "
                "nothing goes back up.",
                hint=f"The order is {', '.join(_LADDER)}.",
            )
        last_days, last_class = days, name
    if rule[end] is not None and rule[kind] and rule[end] <= last_days:
        raise OptionError(
            f"{option}.{end}: {rule[end]} is not later than {last_class} after {last_days} days.",
            hint=f"Use more than {last_days}, or remove that transition.",
        )


def check_amazon(rules: t.Sequence[Rule]) -> None:
    """Raises OptionError on what Amazon S3 and its like refuse, and other servers may take.

    Source: Amazon S3 user guide, "Transitioning objects using Amazon S3 Lifecycle", constraints.
    """
    for rule in rules:
        for kind in ("transitions", "noncurrent_transitions"):
            before: dict[str, t.Any] = {}
            for entry in rule[kind]:
                _check_amazon_step(f"lifecycle.rules[{rule['id']}].{kind}", before, entry)
                before = entry


def _check_amazon_step(option: str, before: dict[str, t.Any], entry: dict[str, t.Any]) -> None:
    name, days = entry["storage_class"], entry["days"]
    said = f"{option}: {name} after {days} days"
    if name not in _LADDER:
        raise OptionError(f"{said} is not a storage class to go to.", hint=f"Use one of {', '.join(_LADDER)}.")
    if name in _INFREQUENT and days < _LEAST_DAYS:
        raise OptionError(f"{said} is too early.", hint=f"Objects go there after {_LEAST_DAYS} days or more.")
    if before and before["storage_class"] in _INFREQUENT and days < before["days"] + _LEAST_DAYS:
        raise OptionError(
            f"{said} is too early after {before['storage_class']} after {before['days']} days.",
            hint=f"Objects stay there for {_LEAST_DAYS} days: use {before['days'] + _LEAST_DAYS} or more.",
        )


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
