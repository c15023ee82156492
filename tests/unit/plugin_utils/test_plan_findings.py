# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a plan says what the plan does not protect, and nothing of what it does."""

from __future__ import annotations

import copy
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.filter.plan_check import plan_check
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_findings import domain_of, interval_of, reach_of, span

GOOD: dict[str, t.Any] = {
    "app": "shop",
    "failure_domain": "eu-central-1",
    "repositories": [
        {"path": "/var/backups/lifeboat"},
        {"bucket": "shop-backups", "prefix": "lifeboat", "region": "us-west-2"},
    ],
    "encryption": {"recipients": ["age1operations", "age1offline"]},
    "objectives": {"rpo": "26h", "rto": "1h"},
    "schedule": {"backup": "*-*-* 01:00", "rehearsal": "Sun 04:00", "prune": "*-*-* 06:00"},
    "retention": {"keep": {"within": "2d", "daily": 14, "weekly": 8}},
    "notifications": [
        {"type": "slack", "url_file": "/s"},
        {"type": "email", "to": ["a@b"]},
        {"type": "healthchecks", "url_file": "/h"},
    ],
    "verification": {"identity_file": "/k", "checks": [{"query": "select 1", "value": 1}]},
    "components": [
        {"name": "codex", "engine": "postgresql", "max_age": "20h", "min_copies": 2},
        {"name": "more", "engine": "postgresql"},
    ],
}


def plan(*path: t.Any, value: t.Any) -> dict[str, t.Any]:
    """The good plan with another value at this place; None takes it out."""
    changed = copy.deepcopy(GOOD)
    place: t.Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def said(of: dict[str, t.Any]) -> list[tuple[str, str, str]]:
    """What is found: its kind, its component and its key."""
    checked = plan_check(of)
    assert checked["errors"] == []
    assert all(one["remedy"].endswith((".", ")")) and one["says"].endswith(".") for one in checked["findings"])
    assert checked["gaps"] == sum(one["kind"] == "gap" for one in checked["findings"])
    return [(one["kind"], one["component"], one["key"]) for one in checked["findings"]]


def test_of_a_plan_that_leaves_no_gap_nothing_is_said() -> None:
    assert said(GOOD) == []
    assert "What this plan does not protect: nothing that can be seen from it" in plan_check(GOOD)["table"]


HERE: t.Any = {"bucket": "b", "endpoint_url": "http://127.0.0.1:9000"}
FILES: t.Any = {"name": "files", "engine": "paths", "paths": ["/srv"], "restic_password_file": "/p"}
PAIR: t.Any = {"name": "pair", "engine": "s3", "source": {"bucket": "a"}, "destination": {"bucket": "b"}}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (plan("repositories", value=GOOD["repositories"][:1]), [("gap", "", "repositories")] * 2),
        (plan("repositories", value=GOOD["repositories"][1:]), [("gap", "", "repositories")]),
        (plan("repositories", 1, value=HERE), [("gap", "", "repositories")]),
        (plan("repositories", 1, "region", value=None), [("gap", "", "repositories")]),
        (plan("repositories", 1, "failure_domain", value="eu-central-1"), [("gap", "", "repositories")]),
        (plan("failure_domain", value=None), [("gap", "", "failure_domain")]),
        (plan("components", 0, "min_copies", value=1), [("note", "", "components[].min_copies")]),
        (plan("encryption", value=None), [("gap", "", "encryption")]),
        (plan("encryption", "recipients", value=["age1alone"]), [("gap", "", "encryption.recipients")]),
        (plan("encryption", value={"engine": "gpg", "symmetric": True, "passphrase_file": "/p"}),
         [("gap", "", "encryption")]),
        (plan("encryption", value={"recipients_file": "/r"}), []),
        (plan("schedule", "rehearsal", value=None), [("gap", "", "schedule.rehearsal")]),
        (plan("schedule", "backup", value=None), [("gap", "", "schedule.backup")]),
        (plan("schedule", "prune", value=None), [("note", "", "schedule.prune")]),
        (plan("verification", "profile", value="artifact"), [("gap", "", "verification.profile")]),
        (plan("verification", "identity_file", value=None), [("gap", "", "verification.identity_file")]),
        (plan("verification", "checks", value=[]), [("note", "", "verification.checks")]),
        (plan("notifications", value=None), [("gap", "", "notifications")] * 2),
        (plan("notifications", 1, "events", value=["success"]), [("note", "", "notifications")]),
        (plan("notifications", 2, value={"type": "webhook", "url_file": "/w"}), [("gap", "", "notifications")]),
        (plan("objectives", value={"rpo": "26h"}), [("gap", "", "objectives")]),
        (plan("objectives", "rpo", value="24h"), [("gap", "", "schedule.backup")] * 2),
        (plan("components", 1, "objectives", value={"rpo": "1h"}), [("gap", "more", "schedule.backup")]),
        (plan("components", 0, "max_age", value="24h"), [("gap", "codex", "schedule.backup")]),
        (plan("retention", value=None), [("note", "", "retention")]),
        (plan("retention", "keep", value={"daily": 7}), [("gap", "", "retention.keep")]),
        (plan("components", 1, "retention", value={"keep": {"last": 3}}), [("gap", "more", "retention.keep")]),
        (plan("objectives", "detection_window", value="60d"), [("gap", "", "retention.keep")]),
        (plan("retention", "max_silence", value="20h"), [("gap", "", "retention.max_silence")]),
        (plan("components", 1, value={**FILES, "restic_repository": "/srv/restic"}),
         [("gap", "files", "restic_repository")]),
        (plan("components", 1, value={**FILES, "restic_repository": "s3:https://h/b"}), []),
        (plan("components", 1, value=PAIR), [("gap", "pair", "destination")]),
    ],
)  # fmt: skip
def test_each_gap_is_found_by_itself(changed: dict[str, t.Any], found: list[tuple[str, str, str]]) -> None:
    of_all = said(changed)
    assert [(kind, key) for kind, _component, key in of_all] == [(kind, key) for kind, _component, key in found]
    named = {component for _kind, component, _key in found if component}
    assert not named or named == {component for _kind, component, _key in of_all}


def test_the_table_names_components_repositories_channels_and_each_gap_with_its_remedy() -> None:
    lines = plan_check(plan("schedule", "rehearsal", value=None))["table"]
    table = "\n".join(lines)
    assert max(len(line) for line in lines) <= 120
    assert "codex      postgresql  every 24h  26h       1h           never   within 2d, daily 14, weekly 8" in table
    assert "s3://shop-backups/lifeboat  us-west-2" in table
    assert "email         failure, recovery, overdue" in table
    assert "What this plan does not protect: 1 gap\n  1. no rehearsal is scheduled" in table
    assert "Give schedule.rehearsal, such as Sun 04:00" in " ".join(table.split())


def test_a_plan_with_mistakes_has_only_these() -> None:
    checked = plan_check(plan("app", value="sh op"))
    assert len(checked["errors"]) == 1 and checked["table"] == checked["findings"] == []


@pytest.mark.parametrize(
    ("schedule", "max_age", "hours"),
    [("daily", None, 24), ("daily", "20h", 24), ("daily", "24h", 48), ("hourly", "5h30m", 6), (None, None, None)],
)
def test_the_time_between_two_backups_counts_the_runs_that_max_age_passes_over(
    schedule: str | None, max_age: str | None, hours: int | None
) -> None:
    found = interval_of({"schedule": {"backup": schedule}}, {"max_age": max_age})
    assert found == (None if hours is None else datetime.timedelta(hours=hours))


def test_a_retention_reaches_back_as_far_as_its_longest_rule() -> None:
    day = datetime.timedelta(days=1)
    assert reach_of({"keep": {"last": 3}}, day) == 2 * day
    assert reach_of({"keep": {"within": "10d", "daily": 7}}, day) == 10 * day
    assert reach_of({"keep": {"daily": 7, "monthly": 2}}, day) == 28 * day
    assert reach_of({"keep": {"hourly": 24}}, day) == 23 * day, "an hour without a backup does not count"


def test_what_fails_with_a_repository_is_what_is_known_of_it() -> None:
    assert domain_of({"path": "/b"}) == domain_of({**HERE, "region": "us-east-1"})
    assert domain_of({"bucket": "b"}) == ""
    assert domain_of({"bucket": "b", "endpoint_url": "https://s3.example.org"}) == "s3.example.org"


@pytest.mark.parametrize(("minutes", "text"), [(1440, "24h"), (2880, "2d"), (90, "1h30m"), (5, "5m"), (1500, "25h")])
def test_spans_are_written_as_in_a_plan(minutes: int, text: str) -> None:
    assert span(datetime.timedelta(minutes=minutes)) == text


@pytest.mark.parametrize(
    ("more", "found"),
    [({"wait": "30s"}, True), ({"wait": "30s", "ttl": 5}, False), ({}, False), ({"ttl": 300}, True),
     ({"wait": "30s", "resolvers": []}, False)],
)  # fmt: skip
def test_a_record_whose_ttl_would_refuse_the_way_back_is_named(more: dict[str, t.Any], found: bool) -> None:
    record = {"kind": "dns", "server": "192.0.2.53", "zone": "shop.test", "record": "www", "addresses": {}}
    traffic = [{"kind": "tasks", "file": "/t.yml"}, {**record, "resolvers": ["192.0.2.53"], **more}]
    assert (("gap", "", "traffic[1].wait") in said(plan("traffic", value=traffic))) is found
