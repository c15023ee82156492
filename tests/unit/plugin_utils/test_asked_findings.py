# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows for a plan from what its buckets and its file of recipients said of themselves."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.filter.plan_check import plan_check
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure._lifecycle import DEFAULTS

from tests.unit.plugin_utils.test_plan_findings import GOOD

SAFE: dict[str, t.Any] = {
    "name": "s3://shop-backups/lifeboat", "bucket": "shop-backups", "prefix": "lifeboat", "asked": True, "why": "",
    "unknown": [], "versioning": "Enabled", "object_lock": {"enabled": True, "mode": "GOVERNANCE", "days": 21},
    "lifecycle": [],
}  # fmt: skip


def rule(**said: t.Any) -> dict[str, t.Any]:
    return {**DEFAULTS, "id": "theirs", **said}


def found(*repositories: dict[str, t.Any], plan: dict[str, t.Any] = GOOD, **more: t.Any) -> list[tuple[str, str]]:
    checked = plan_check(plan, {"repositories": [{"name": "/d", "bucket": None}, *repositories], **more})
    assert checked["errors"] == [] and all(one["says"] and one["remedy"] for one in checked["findings"])
    return [(one["kind"], one["says"]) for one in checked["findings"]]


def test_of_a_bucket_that_only_we_delete_from_nothing_is_said() -> None:
    harmless = [
        rule(prefix="other/", expire_days=1),
        rule(enabled=False, expire_days=1),
        rule(abort_uploads_days=7),
        rule(noncurrent_expire_days=30),
        rule(prefix="lifeboat/", tags={"lifeboat": "artifact"}, transitions=[{"days": 9, "storage_class": "GLACIER"}]),
    ]
    assert found({**SAFE, "lifecycle": harmless}) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (rule(expire_days=30), "deletes backups after 30 days"),
        (rule(prefix="lifeboat/shop/", expire_days=3), "deletes backups after 3 days"),
        (rule(prefix="life", other=["date 2027-01-01"]), "deletes backups on a date"),
        (rule(prefix="lifeboat/", noncurrent_expire_days=3), "ends what a stolen key has hidden after 3 days"),
        (rule(transitions=[{"days": 9, "storage_class": "DEEP_ARCHIVE"}]), "moves manifests, too, to DEEP_ARCHIVE"),
    ],
)
def test_a_rule_that_takes_backups_away_is_a_gap_that_names_it(said: dict[str, t.Any], words: str) -> None:
    [(kind, says)] = found({**SAFE, "lifecycle": [said]})
    assert kind == "gap" and "the lifecycle rule theirs of s3://shop-backups/lifeboat" in says and words in says


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"asked": False, "why": "403."}, "nobody knows whether a lifecycle rule deletes what is in s3://shop"),
        ({"versioning": "", "object_lock": {"enabled": False, "days": None}}, "can destroy every backup in it"),
        ({"object_lock": {"enabled": True, "days": 3}}, "ends after 3 days"),
        ({"object_lock": {"enabled": True, "days": 400}}, "the lock decides what is stored"),
    ],
)
def test_what_is_not_known_and_what_a_lock_does_is_worth_knowing(said: dict[str, t.Any], words: str) -> None:
    notes = found({**SAFE, **said})
    assert {kind for kind, _says in notes} == {"note"} and words in notes[0][1]


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        ({"recipients": {"count": 1, "why": ""}}, ["gap"]),
        ({"recipients": {"count": 2, "why": ""}}, []),
        ({"recipients": {"count": None, "why": "It is not there."}}, ["note"]),
        ({}, ["note"]),
    ],
)
def test_a_file_of_recipients_counts_as_many_keys_as_it_holds(more: dict[str, t.Any], kinds: list[str]) -> None:
    plan = copy.deepcopy(GOOD)
    plan["encryption"] = {"recipients_file": "/etc/lifeboat/recipients.txt"}
    assert [kind for kind, _says in found(plan=plan, **more)] == kinds
