# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proof that failed is shown in a few lines."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._red_proof import is_red_proof, lines, without_what_passed

_RED: dict[str, t.Any] = {
    "failed": True,
    "verdict": "failed",
    "summary": "shop/codex failed: 1 of 17 checks did not hold.",
    "checks": [
        *({"id": f"a.{number}", "title": "fine", "status": "passed", "message": ""} for number in range(16)),
        {"id": "content.rows", "title": "Every row is back", "status": "failed", "message": "orders: 3 rows missing"},
    ],
    "controls": [{"id": "control.row", "status": "passed", "message": "Refused"}],
    "report_files": {"html": "/reports/a.html"},
}


def test_the_lines_name_what_was_red_why_and_where_the_report_is() -> None:
    assert lines(_RED) == [
        "FAILED  shop/codex failed: 1 of 17 checks did not hold.",
        "        Every row is back: orders: 3 rows missing",
        "        report: /reports/a.html",
    ]


def test_what_passed_is_left_to_the_report() -> None:
    short = without_what_passed(_RED)
    assert [one["id"] for one in short["checks"]] == ["content.rows"] and short["controls"] == []
    assert short["summary"] == _RED["summary"] and short["failed"]


def test_a_damaged_copy_that_passed_as_good_is_named_and_many_failures_are_counted() -> None:
    many = [{"id": f"custom.{number}", "status": "error", "message": "no\x1b[31m answer"} for number in range(15)]
    control = {"id": "control.row", "status": "failed", "message": "nobody saw it"}
    shown = lines({**_RED, "checks": many, "controls": [control]})
    assert len(shown) == 14 and "and 5 more" in shown[11] and "control.row" in shown[12]
    assert "\x1b" not in "".join(shown)


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"failed": True, "msg": "no key"},
        {**_RED, "failed": False},
        {**_RED, "verdict": "passed"},
        {"changed": True},
    ],
)
def test_other_results_stay_as_they_are(result: dict[str, t.Any]) -> None:
    assert not is_red_proof(result)
