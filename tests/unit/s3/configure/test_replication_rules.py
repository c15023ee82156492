# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Normal forms of rules, and the promise that a plan of what has been applied is empty, on every kind of server."""

from __future__ import annotations

import copy
import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _object_lock, _profiles
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _lifecycle, _plan, _preflight, _rules
from hypothesis import given
from hypothesis import strategies as st

_words = st.text("abcXYZ/-_é", min_size=0, max_size=8)
_names = st.text("abcXYZ-_", min_size=1, max_size=8)
_tags = st.dictionaries(_names, _words, max_size=3)
_KEY = "arn:aws:kms:us-west-2:123456789012:key/1"


@st.composite
def _rule(draw: st.DrawFn) -> dict[str, t.Any]:
    tags = draw(_tags)
    time = draw(st.booleans())
    return {
        "id": draw(_names),
        "priority": 0,
        "prefix": draw(_words),
        "tags": tags,
        "enabled": draw(st.booleans()),
        "delete_markers": not tags and draw(st.booleans()),
        "replica_modifications": draw(st.booleans()),
        "replication_time": time,
        "metrics": time or draw(st.booleans()),
        "replicate_kms": draw(st.booleans()),
        "storage_class": draw(st.sampled_from([None, "STANDARD_IA"])),
    }


@st.composite
def _lifecycle_rule(draw: st.DrawFn) -> dict[str, t.Any]:
    later = st.none() | st.integers(401, 800)  # what is refused is in test_lifecycle_refusals.py
    infrequent = {"days": draw(st.integers(30, 100)), "storage_class": "STANDARD_IA"}
    archive = {"days": draw(st.integers(130, 400)), "storage_class": "GLACIER_IR"}
    steps = st.sampled_from([[], [infrequent], [archive], [infrequent, archive]])
    narrowed = draw(st.booleans())
    rule = {
        "id": draw(_names),
        "enabled": draw(st.booleans()),
        "prefix": draw(_words),
        "tags": draw(_tags) if narrowed else {},
        "size_greater_than": draw(st.none() | st.integers(1, 100)) if narrowed else None,
        "size_less_than": draw(st.none() | st.integers(200, 400)) if narrowed else None,
        "transitions": draw(steps),
        "noncurrent_transitions": draw(steps),
        "expire_days": draw(later),
        "expire_delete_markers": False,
        "noncurrent_expire_days": 400 + draw(st.integers(1, 9)),
        "noncurrent_keep_versions": draw(st.none() | st.integers(1, 100)),
        "abort_uploads_days": None if narrowed else 7,
    }
    return rule


@st.composite
def _options(draw: st.DrawFn) -> dict[str, t.Any]:
    rules = draw(st.lists(_rule(), min_size=1, max_size=4, unique_by=lambda rule: rule["id"]))
    for number, rule in enumerate(rules, 1):
        rule["priority"] = number
    side = {"account_id": None, "storage_class": None, "kms_key_arn": _KEY}
    lifecycle_rules = draw(st.lists(_lifecycle_rule(), max_size=3, unique_by=lambda rule: rule["id"]))
    lifecycle = {
        "rules": lifecycle_rules,
        "apply_to": draw(st.sampled_from(["both", "source", "destination"])),
        "purge_rules": False,
    }
    return {
        "state": "present",
        "source": {**side, "bucket": "chunks"},
        "destination": {**side, "bucket": "chunks-dr", "owner_override": False},
        "role_arn": "arn:aws:iam::123456789012:role/replication",
        "rules": rules,
        "purge_rules": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
        "manage_versioning": True,
        "lifecycle": draw(st.none() | st.just(lifecycle)),
        "object_lock": draw(st.none() | st.just({"mode": "GOVERNANCE", "days": 30})),
    }


_FOREIGN = {
    "ID": "~of another tool~",
    "Priority": 77,
    "Status": "Enabled",
    "Filter": {},
    "DeleteMarkerReplication": {"Status": "Enabled"},
    "ExistingObjectReplication": {"Status": "Enabled"},
    "Destination": {"Bucket": "arn:aws:s3:::elsewhere"},
}


def stored_by(profile: _profiles.Profile, setup: Setup) -> Setup:
    """What a server of this kind gives back: it forgets what it drops, and writes the same in another way."""
    rules = []
    for rule in setup.rules:
        kept = copy.deepcopy(rule)
        if profile.drops:
            for gone in ("DeleteMarkerReplication", "SourceSelectionCriteria"):
                kept.pop(gone, None)
            for gone in (
                "Metrics",
                "ReplicationTime",
                "Account",
                "AccessControlTranslation",
                "EncryptionConfiguration",
            ):
                kept["Destination"].pop(gone, None)
        elif kept["Filter"] == {"Prefix": ""}:
            kept["Filter"] = {}
        rules.append(kept)
    lifecycle = [{**rule, "Transitions": list(reversed(rule.get("Transitions", [])))} for rule in setup.lifecycle]
    role = "" if "role" in profile.drops else setup.role
    return dataclasses.replace(setup, rules=tuple(rules), lifecycle=tuple(lifecycle), role=role)


_PROFILES = [_profiles.AWS, _profiles.CEPH, _profiles.MINISTACK, _profiles.GENERIC]


@pytest.mark.parametrize("profile", _PROFILES, ids=lambda profile: profile.name)
@given(options=_options())
def test_the_plan_of_what_was_applied_is_empty(profile: _profiles.Profile, options: dict[str, t.Any]) -> None:
    plan = _plan.make_plan(options, profile, Setup(rules=(_FOREIGN,), role="theirs"), Setup())
    assert plan.steps
    again = _plan.make_plan(options, profile, *(stored_by(profile, plan.after[side]) for side in _plan.SIDES))
    assert again.steps == []
    assert _plan.described(again.before, options) == _plan.described(again.after, options)


@given(options=_options())
def test_rules_of_others_are_kept_word_by_word_or_purged(options: dict[str, t.Any]) -> None:
    plan = _plan.make_plan(options, _profiles.AWS, Setup(rules=(_FOREIGN,)), Setup())
    assert (_FOREIGN in plan.after["source"].rules) != options["purge_rules"]


@given(options=_options())
def test_absent_leaves_what_was_there_before(options: dict[str, t.Any]) -> None:
    present = _plan.make_plan(
        {**options, "purge_rules": False, "bidirectional": False}, _profiles.AWS, Setup(rules=(_FOREIGN,)), Setup()
    )
    gone = _plan.make_plan(
        {**options, "bidirectional": False, "state": "absent", "rules": None}, _profiles.AWS, *present.after.values()
    )
    assert gone.after["source"].rules == (_FOREIGN,)


@given(options=_options())
def test_paused_changes_nothing_but_the_status(options: dict[str, t.Any]) -> None:
    present = _plan.make_plan(options, _profiles.AWS, Setup(), Setup())
    paused = _plan.make_plan({**options, "state": "paused"}, _profiles.AWS, *present.after.values())
    off = [{**rule, "Status": "Disabled"} for rule in present.after["source"].rules]
    assert list(paused.after["source"].rules) == off


@given(_rule())
def test_the_normal_form_of_a_rule_survives_the_way_to_the_server(rule: dict[str, t.Any]) -> None:
    normal = _rules.from_option(rule, {"bucket": "chunks-dr", "kms_key_arn": _KEY})
    assert _rules.normalise(_rules.to_wire(normal)) == normal


@given(_lifecycle_rule())
def test_the_normal_form_of_a_lifecycle_rule_survives_the_way_to_the_server(rule: dict[str, t.Any]) -> None:
    normal = _lifecycle.from_option(rule)
    assert _lifecycle.normalise(_lifecycle.to_wire(normal)) == normal


@pytest.mark.parametrize("spelling", [{"Filter": {}}, {"Filter": {"Prefix": ""}}, {"Filter": {"And": {"Prefix": ""}}}])
def test_three_spellings_of_everything_are_one(spelling: dict[str, t.Any]) -> None:
    rule = {"ID": "all", "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::dr"}}
    assert _rules.normalise({**rule, **spelling}) == _rules.normalise({**rule, "Filter": {}})


def test_a_rule_of_the_old_kind_replicates_delete_markers_and_is_rewritten_when_a_new_one_joins() -> None:
    old = {"ID": "old", "Prefix": "a/", "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::dr"}}
    rule = {**_RULE, "id": "new", "priority": 1}
    plan = _plan.make_plan({**_OPTIONS, "rules": [rule]}, _profiles.AWS, Setup(rules=(old,)), Setup())
    first = plan.after["source"].rules[0]
    assert first["Filter"] == {"Prefix": "a/"} and first["DeleteMarkerReplication"] == {"Status": "Enabled"}


_RULE = {
    **{
        key: False
        for key in ("delete_markers", "replica_modifications", "replication_time", "metrics", "replicate_kms")
    },
    **{"id": "r", "priority": 1, "prefix": "", "tags": {}, "enabled": True, "storage_class": None},
}
_OPTIONS: dict[str, t.Any] = {
    "state": "present",
    "source": {"bucket": "chunks"},
    "destination": {"bucket": "chunks-dr"},
    "role_arn": "arn:aws-cn:iam::123456789012:role/replication",
    "rules": [_RULE],
    "purge_rules": False,
    "manage_versioning": True,
}


def test_a_bucket_of_china_has_its_partition_in_the_rule() -> None:
    plan = _plan.make_plan(_OPTIONS, _profiles.AWS, Setup(), Setup())
    assert plan.after["source"].rules[0]["Destination"]["Bucket"] == "arn:aws-cn:s3:::chunks-dr"


def test_what_ceph_forgets_is_named_and_so_is_what_it_does_all_the_same() -> None:
    options = {**_OPTIONS, "rules": [{**_RULE, "metrics": True, "replication_time": True}]}
    assert _plan.make_plan(options, _profiles.CEPH, Setup(), Setup()).ignored == [
        "rules[r].delete_markers: false",
        "rules[r].metrics: true",
        "rules[r].replication_time: true",
    ]


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"server": "AmazonS3"}, "aws"),
        ({"server": "Ceph Object Gateway (reef)"}, "ceph"),
        ({"x-amz-request-id": "tx00000b4e3ef4a01b6ecf4-0067403c2a-1034-za"}, "ceph"),
        ({"server": "VERSITYGW"}, "versitygw"),
        ({"server": "MinIO"}, "minio"),
        ({"server": "SeaweedFS 30GB 4.23"}, "generic"),
        ({"x-amzn-requestid": "1", "x-amz-bucket-arn": "arn:aws:s3:::b"}, "ministack"),
        ({}, "generic"),
    ],
)
def test_a_server_is_known_by_its_answer(headers: dict[str, str], kind: str) -> None:
    assert _profiles.identify(headers) == kind


@pytest.mark.parametrize("kind", ["minio", "rustfs", "versitygw"])
def test_a_server_that_cannot_be_configured_is_refused_with_what_still_works(kind: str) -> None:
    with pytest.raises(LifeboatError) as caught:
        _preflight.check_server(_OPTIONS, _profiles.profile_of(kind), one_server=True)
    assert all(word in str(caught.value) for word in (kind, "'chunks'", "resynced", "undeleted", "failed_back"))


def test_a_zone_replicates_into_the_bucket_of_the_same_name() -> None:
    with pytest.raises(LifeboatError, match="destination.bucket: 'chunks-dr' is not 'chunks'"):
        _preflight.check_server(_OPTIONS, _profiles.CEPH, one_server=False)


def test_amazon_needs_a_role() -> None:
    with pytest.raises(OptionError, match="role_arn is missing"):
        _preflight.check_server({**_OPTIONS, "role_arn": None}, _profiles.AWS, one_server=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"destination": {"bucket": "d", "kms_key_arn": "alias/key"}}, "destination.kms_key_arn: 'alias/key'"),
        ({"destination": {"bucket": "d", "account_id": "12"}}, "destination.account_id: '12'"),
        ({"destination": {"bucket": "d", "owner_override": True}}, "owner_override needs destination.account_id"),
        ({"rules": [{**_RULE, "priority": -1}]}, "priority is -1"),
        ({"rules": [{**_RULE, "prefix": "é" * 600}]}, "more than 1024 bytes"),
    ],
)
def test_options_that_cannot_be_right_are_refused(change: dict[str, t.Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        _preflight.check_options({**_OPTIONS, **change})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("have", "want", "lowered"),
    [
        (_object_lock.Lock(True, "GOVERNANCE", 30), _object_lock.Lock(True, "GOVERNANCE", 29), True),
        (_object_lock.Lock(True, "COMPLIANCE", 30), _object_lock.Lock(True, "GOVERNANCE", 60), True),
        (_object_lock.Lock(True, "GOVERNANCE", 30), _object_lock.Lock(True, "COMPLIANCE", 30), False),
        (_object_lock.Lock(), _object_lock.Lock(True, "GOVERNANCE", 1), False),
    ],
)
def test_a_lock_is_raised_and_never_lowered(have: _object_lock.Lock, want: _object_lock.Lock, lowered: bool) -> None:
    try:
        _object_lock.check_not_lowered(have, want, "dr")
        refused = False
    except OptionError:
        refused = True
    assert refused == lowered


def test_a_retention_in_years_is_days() -> None:
    wire = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 2}}}
    assert _object_lock.from_wire(wire) == _object_lock.Lock(True, "COMPLIANCE", 730)


def test_the_difference_reads_like_yaml() -> None:
    assert (
        _plan.as_text({"a": {"b": [{"c": 1, "d": []}], "e": "é"}})
        == 'a:\n  b:\n    -\n      c: 1\n      d: []\n  e: "é"\n'
    )
