# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lifecycle rules that S3 would refuse, or that cannot do what they say, are refused before the first write."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import profile_of
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _preflight


def _options(*rules: dict[str, t.Any]) -> dict[str, t.Any]:
    side = {"bucket": "b", "endpoint_url": None}
    lifecycle = {"rules": [{"id": f"r{place}", **rule} for place, rule in enumerate(rules)], "apply_to": "both"}
    return {
        "source": side,
        "destination": side,
        "lifecycle": lifecycle,
        "state": "present",
        "role_arn": "r",
        "rules": [],
    }


def _check(*rules: dict[str, t.Any], server: str = "aws") -> None:
    options = _options(*rules)
    _preflight.check_options({**options, "role_arn": None})
    _preflight.check_server(options, profile_of(server), one_server=True)


def _steps(*steps: tuple[str, int]) -> list[dict[str, t.Any]]:
    return [{"storage_class": name, "days": days} for name, days in steps]


_IA, _IR = ("STANDARD_IA", 30), ("GLACIER_IR", 90)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([{"id": "one", "expire_days": 3}, {"id": "one", "expire_days": 4}], "two rules have this id"),
        ([{"transitions": _steps(("STANDARD_IA", 10))}], "STANDARD_IA after 10 days is too early"),
        ([{"noncurrent_transitions": _steps(("ONEZONE_IA", 10))}], "ONEZONE_IA after 10 days is too early"),
        ([{"transitions": _steps(("STANDARD_IA", 90), ("GLACIER_IR", 30))}], "nothing goes back up"),
        ([{"transitions": _steps(_IA, ("GLACIER", 45))}], "too early after STANDARD_IA"),
        ([{"transitions": _steps(_IA, ("GLACIER", 30))}], "both after 30 days"),
        ([{"transitions": _steps(("GLACIER", -1))}], "-1 days"),
        ([{"transitions": _steps(("NEARLINE", 30))}], "not a storage class"),
        ([{"transitions": _steps(_IA), "expire_days": 20}], "expire_days: 20 is not later than STANDARD_IA"),
        ([{"transitions": _steps(_IA), "expire_days": 30}], "is not later"),
        ([{"noncurrent_transitions": _steps(_IA), "noncurrent_expire_days": 30}], "noncurrent_expire_days: 30"),
        ([{"size_greater_than": 10, "size_less_than": 5, "expire_days": 1}], "leave no object"),
        ([{"size_greater_than": 10, "size_less_than": 11, "expire_days": 1}], "leave no object"),
        ([{"size_less_than": -1, "expire_days": 1}], "size_less_than is -1"),
        ([{"expire_days": 0, "transitions": _steps(_IA)}], "expire_days is 0"),
        ([{"expire_days": 0}], "does nothing|expire_days is 0"),
        ([{"abort_uploads_days": 0, "expire_days": 1}], "abort_uploads_days is 0"),
        ([{"tags": {str(number): "" for number in range(51)}, "expire_days": 1}], "10 tags at most"),
        ([{"tags": {"a": "b"}, "abort_uploads_days": 1}], "abort_uploads_days does not go with tags"),
        ([{"tags": {"a": "b"}, "expire_delete_markers": True}], "expire_delete_markers does not go with tags"),
        ([{"noncurrent_keep_versions": 101, "noncurrent_expire_days": 1}], "Use 1 to 100"),
        ([{"prefix": "x" * 1025, "expire_days": 1}], "prefix has more than"),
        ([{"id": "x" * 256, "expire_days": 1}], "256 characters"),
        ([{"expire_days": 1}] * 1001, "S3 takes 1000"),
    ],
)
def test_it_is_refused_by_its_name(rules: list[dict[str, t.Any]], said: str) -> None:
    with pytest.raises(OptionError, match=said) as caught:
        _check(*rules)
    assert "lifecycle.rules" in caught.value.message


@pytest.mark.parametrize(
    "rule",
    [
        {"transitions": _steps(_IA, _IR, ("DEEP_ARCHIVE", 400)), "expire_days": 2000},
        {"transitions": _steps(("GLACIER_IR", 0))},
        {"noncurrent_transitions": _steps(_IA), "noncurrent_expire_days": 61, "noncurrent_keep_versions": 3},
        {"size_greater_than": 0, "size_less_than": 1000, "expire_days": 1},
        {"tags": {str(number): "" for number in range(10)}, "expire_days": 1},
        {"abort_uploads_days": 7, "prefix": "a/"},
    ],
)
def test_what_s3_takes_is_taken(rule: dict[str, t.Any]) -> None:
    _check(rule)


def test_classes_of_other_servers_are_their_own() -> None:
    _check({"transitions": _steps(("COLD", 1), ("COLDER", 2))}, server="ceph")
