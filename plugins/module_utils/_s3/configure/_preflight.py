# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What is refused before anything is written, each with the option, its value, and what would be right. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import WITHOUT_REPLICATION, Profile
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _lifecycle, _rules

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup

_ROLE_ARN = re.compile(r"^arn:aws[a-z-]*:iam::\d{12}:role/\S+$")
_KEY_ARN = re.compile(r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/\S+$")
_ACCOUNT = re.compile(r"^\d{12}$")
_CLASSES = (
    "STANDARD",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY",
    "OUTPOSTS",
    "SNOW",
    "EXPRESS_ONEZONE",
)
COLD = ("GLACIER", "DEEP_ARCHIVE")
_MOST_RULES = 1000  # of a configuration, by Amazon S3
_LONGEST_ID, _LONGEST_PREFIX, _LARGEST_PRIORITY = 255, 1024, 2**31 - 1
_MOST_TAGS = 10
Options = t.Mapping[str, t.Any]


def check_options(options: Options) -> None:
    """Raises OptionError on what cannot be right on any server."""
    for name in ("role_arn", "reverse_role_arn", "batch_role_arn"):
        if options.get(name) and not _ROLE_ARN.match(options[name]):
            raise OptionError(
                f"{name}: {options[name]!r} is not the ARN of a role.",
                hint="Write it like arn:aws:iam::123456789012:role/replication.",
            )
    for role in ("source", "destination"):
        _check_side(role, options[role])
    rules = options.get("rules") or []
    if len(rules) > _MOST_RULES:
        raise OptionError(
            f"rules has {len(rules)} entries.",
            hint=f"S3 takes {_MOST_RULES}: join rules whose prefixes share a beginning.",
        )
    if options.get("lifecycle"):
        _lifecycle.check_ids(options["lifecycle"]["rules"])
        for rule in options["lifecycle"]["rules"]:
            _lifecycle.from_option(rule)
    seen: dict[str, set[t.Any]] = {"id": set(), "priority": set()}
    for rule in rules:
        for field, values in seen.items():
            if rule[field] in values:
                raise OptionError(
                    f"rules[{rule['id']}].{field}: {rule[field]} is used by two rules.", hint="Give each rule its own."
                )
            values.add(rule[field])
        _check_rule(rule, options)


def _check_side(role: str, side: Options) -> None:
    if side.get("account_id") and not _ACCOUNT.match(side["account_id"]):
        raise OptionError(
            f"{role}.account_id: {side['account_id']!r} is not an account id.", hint="Write its 12 digits, in quotes."
        )
    if side.get("kms_key_arn") and not _KEY_ARN.match(side["kms_key_arn"]):
        raise OptionError(
            f"{role}.kms_key_arn: {side['kms_key_arn']!r} is not the full ARN of a key.",
            hint=(
                "Write it like arn:aws:kms:us-west-2:123456789012:key/...; an alias would be looked up in the wrong "
                "account."
            ),
        )
    if side.get("owner_override") and not side.get("account_id"):
        raise OptionError(
            f"{role}.owner_override needs {role}.account_id.", hint="Name the account that owns the destination bucket."
        )


def _check_rule(rule: Options, options: Options) -> None:
    option = f"rules[{rule['id']}]"
    if not 1 <= len(rule["id"]) <= _LONGEST_ID:
        raise OptionError(f"{option}.id has {len(rule['id'])} characters.", hint=f"Use 1 to {_LONGEST_ID}.")
    if not 0 <= rule["priority"] <= _LARGEST_PRIORITY:
        raise OptionError(
            f"{option}.priority is {rule['priority']}.", hint=f"Use 0 to {_LARGEST_PRIORITY}; higher wins."
        )
    if len((rule["prefix"] or "").encode("utf-8", "surrogateescape")) > _LONGEST_PREFIX:
        raise OptionError(f"{option}.prefix has more than {_LONGEST_PREFIX} bytes.", hint="No key can be that long.")
    if len(rule.get("tags") or {}) > _MOST_TAGS:
        raise OptionError(
            f"{option}.tags has {len(rule['tags'])} entries, and an object has {_MOST_TAGS} tags at most.",
            hint="Remove some: the rule is for objects that have all of them.",
        )
    if rule.get("tags") and rule["delete_markers"]:
        raise OptionError(
            f"{option}.delete_markers: true does not go with tags: S3 cannot know the tags of what was deleted.",
            hint="Set delete_markers to false, or choose by prefix instead of tags.",
        )
    if rule["replication_time"] and not rule["metrics"]:
        raise OptionError(f"{option}.replication_time: true needs metrics: true.", hint="Set metrics to true.")
    destination = options["destination"]
    if rule["replicate_kms"] and not destination.get("kms_key_arn"):
        raise OptionError(
            f"{option}.replicate_kms: true needs destination.kms_key_arn.",
            hint="Name the key that encrypts the replicas.",
        )
    if rule["replicate_kms"] and options.get("bidirectional") and not options["source"].get("kms_key_arn"):
        raise OptionError(
            f"{option}.replicate_kms: true with bidirectional needs source.kms_key_arn.", hint="Name that key."
        )


def check_server(options: Options, profile: Profile, *, one_server: bool) -> None:
    """Raises LifeboatError on what this kind of server cannot do at all."""
    source, destination = options["source"]["bucket"], options["destination"]["bucket"]
    if profile.refusal:
        raise LifeboatError(
            f"source.bucket: {source!r} is on a server ({profile.name}) that {profile.refusal}. Nothing was changed.",
            hint=WITHOUT_REPLICATION,
        )
    if profile.between == "one_server" and not one_server and options["state"] == "present":
        raise LifeboatError(
            f"source.endpoint_url: {options['source'].get('endpoint_url')} and destination.endpoint_url: "
            f"{options['destination'].get('endpoint_url')} are two servers ({profile.name}), and a rule names a "
            "bucket of one server only. "
            "Nothing was changed.",
            hint=WITHOUT_REPLICATION,
        )
    if profile.same_bucket_name and source != destination and options["state"] == "present":
        raise LifeboatError(
            f"destination.bucket: {destination!r} is not {source!r}: this server ({profile.name}) replicates between "
            "zones, into the "
            "bucket of the same name, whatever a rule says. Nothing was changed.",
            hint=f"Set destination.bucket to {source} and destination.endpoint_url to a gateway of the other zone.",
        )
    if profile.needs_role and options["state"] == "present" and not options.get("role_arn"):
        raise OptionError(
            "role_arn is missing.", hint="Amazon S3 replicates with a role: see the page on roles and rights."
        )
    if profile.name in ("aws", "ministack") and options.get("lifecycle"):
        _lifecycle.check_amazon([_lifecycle.from_option(rule) for rule in options["lifecycle"]["rules"]])
    for option, name in _storage_classes(options) if profile.name in ("aws", "ministack") else ():
        if name not in _CLASSES:
            raise OptionError(f"{option}: {name!r} is not a storage class.", hint=f"Use one of {', '.join(_CLASSES)}.")


def _storage_classes(options: Options) -> list[tuple[str, str]]:
    given = [("destination.storage_class", options["destination"].get("storage_class"))]
    given += [(f"rules[{rule['id']}].storage_class", rule.get("storage_class")) for rule in options.get("rules") or []]
    return [(option, name) for option, name in given if name]


def warnings(options: Options) -> list[str]:
    """What is allowed and will hurt later."""
    return [
        f"{option}: {name}. Replicas in this class cannot be read for hours: failing back, resync and content checks "
        "have to wait for a "
        "restore. GLACIER_IR costs little more and can be read at once."
        for option, name in _storage_classes(options)
        if name in COLD
    ]


def check_region(role: str, given: str | None, found: str) -> None:
    """Raises OptionError when the bucket is not where requests are sent."""
    if given and found and given != found:
        raise OptionError(
            f"{role}.region: {given!r}, but the bucket is in {found!r}. Nothing was changed.",
            hint=f"Set {role}.region to {found}.",
        )


def check_setups(options: Options, profile: Profile, source: Setup, destination: Setup) -> None:
    """Raises LifeboatError on buckets that cannot be made what the options ask for."""
    if "replication" in source.missing:
        why = (
            "A zonegroup without a sync policy answers like this: make a sync group first (radosgw-admin sync group "
            "create)."
            if profile.name == "ceph"
            else WITHOUT_REPLICATION
        )
        raise LifeboatError(
            f"source.bucket: {options['source']['bucket']!r} is on a server ({profile.name}) that answers that "
            "replication is not "
            "implemented. Nothing was changed.",
            hint=why,
        )
    if options["state"] != "present":
        return
    for role, setup in (("source", source), ("destination", destination)):
        _check_versioning(role, setup, options)
        for option in ("lifecycle", "object_lock"):
            asked = options.get(option) and (
                role == "destination" if option == "object_lock" else applies(options, role)
            )
            if asked and option in setup.missing:
                raise LifeboatError(
                    f"{option}: the server of {role}.bucket: {options[role]['bucket']!r} does not implement it. "
                    "Nothing was changed.",
                    hint="Remove the option, or set lifecycle.apply_to to the other side.",
                )
    if (
        source.lock.enabled
        and not destination.lock.enabled
        and not options.get("object_lock")
        and profile.between != "zones"
    ):
        raise LifeboatError(
            f"source.bucket: {options['source']['bucket']!r} has object lock, and destination.bucket: "
            f"{options['destination']['bucket']!r} "
            "has none, so every locked object would fail to replicate. Nothing was changed.",
            hint="Set object_lock (mode, days) for the destination.",
        )


def _check_versioning(role: str, setup: Setup, options: Options) -> None:
    if setup.versioning != "Enabled" and not options["manage_versioning"]:
        raise LifeboatError(
            f"{role}.bucket: {options[role]['bucket']!r} has versioning {setup.versioning or 'never enabled'}, and "
            "replication needs it. "
            "Nothing was changed.",
            hint="Set manage_versioning to true, or enable versioning first.",
        )


def applies(options: Options, role: str) -> bool:
    """Whether the option ``lifecycle`` is for this side."""
    return bool(options.get("lifecycle")) and options["lifecycle"]["apply_to"] in ("both", role)


def check_priorities(rules: t.Sequence[_rules.Rule]) -> None:
    """Raises OptionError when two rules of the whole configuration, foreign ones too, have one priority and one
    destination.
    """
    seen: dict[tuple[str, int], str] = {}
    for rule in rules:
        key = (rule["bucket"], rule["priority"])
        if key in seen:
            raise OptionError(
                f"rules[{rule['id']}].priority: {rule['priority']} is used by the rule {seen[key]!r} of the same "
                "destination too. "
                "Nothing was changed.",
                hint="Give it a priority of its own, or set purge_rules to true if the other rule is not wanted.",
            )
        seen[key] = rule["id"]
