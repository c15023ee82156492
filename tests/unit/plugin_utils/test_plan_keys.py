# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of a plan that say what is promised: mistakes are named, and a component's own words stand first."""

from __future__ import annotations

import copy
import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import backup_call
from ansible_collections.lifeboat.dr.plugins.plugin_utils._kept_days import kept_days
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import plan_errors
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import objectives_of, retention_of

PLAN: dict[str, t.Any] = {
    "app": "shop",
    "failure_domain": "eu-central-1",
    "repositories": [
        {"path": "/var/backups/lifeboat", "failure_domain": "eu-central-1"},
        {"bucket": "shop-backups", "region": "us-west-2", "failure_domain": "us-west-2"},
    ],
    "objectives": {"rpo": "24h", "rto": "1h"},
    "schedule": {"backup": "*-*-* 01:00", "rehearsal": "0 4 * * 0", "prune": "daily", "random_delay": "10m"},
    "retention": {
        "keep": {"within": "2d", "daily": 14},
        "labels": {"before-release-*": {"within": "90d"}},
        "min_keep": 3,
    },
    "labels": {"team": "shop", "environment": "production"},
    "notifications": [
        {"type": "slack", "url_file": "/etc/lifeboat/slack.url"},
        {"name": "on call", "type": "email", "to": ["oncall@example.org"], "events": ["failure"]},
        {"type": "healthchecks", "url_file": "/etc/lifeboat/ping.url"},
        {"type": "apprise", "url_file": "/etc/lifeboat/apprise.url", "events": ["failure", "success"]},
    ],
    "components": [
        {"name": "codex", "engine": "postgresql"},
        {
            "name": "sessions",
            "engine": "redis",
            "objectives": {"rpo": "1h"},
            "retention": {"keep": {"last": 3}, "labels": {"audit": {"yearly": 7}}},
        },
    ],
}


def changed(*path: t.Any, value: t.Any) -> dict[str, t.Any]:
    """The good plan with another value at this place; None takes it out."""
    plan = copy.deepcopy(PLAN)
    place: t.Any = plan
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return plan


def test_a_plan_with_all_of_the_keys_has_no_errors() -> None:
    assert plan_errors(PLAN) == []


def test_what_a_component_says_stands_before_what_the_plan_says() -> None:
    hour = datetime.timedelta(hours=1)
    assert objectives_of(PLAN, "codex") == {"rpo": 24 * hour, "rto": hour}
    assert objectives_of(PLAN, "sessions") == {"rpo": hour, "rto": hour}
    assert retention_of(PLAN, "codex") == PLAN["retention"]
    assert retention_of(PLAN, "sessions") == {
        "keep": {"last": 3},
        "labels": {"before-release-*": {"within": "90d"}, "audit": {"yearly": 7}},
        "min_keep": 3,
    }


def test_without_the_keys_nothing_is_promised_and_nothing_deleted() -> None:
    plan = {name: PLAN[name] for name in ("app", "repositories")} | {"components": [PLAN["components"][0]]}
    assert plan_errors(plan) == []
    assert (objectives_of(plan, "codex"), retention_of(plan, "codex")) == ({}, None)


def test_a_component_may_have_a_retention_that_the_plan_has_not() -> None:
    plan = changed("retention", value=None)
    assert plan_errors(plan) == []
    assert retention_of(plan, "codex") is None
    assert retention_of(plan, "sessions") == {"keep": {"last": 3}, "labels": {"audit": {"yearly": 7}}}


def test_the_keys_are_not_options_of_the_module_that_backs_up() -> None:
    arguments = backup_call(PLAN, "sessions").arguments
    assert not set(arguments) & {"objectives", "retention", "schedule", "labels", "notifications"}


CHANNEL = ("notifications", 0)
MISTAKES: dict[str, tuple[dict[str, t.Any], list[str]]] = {
    "an objective that is not a duration": (
        changed("objectives", "rpo", value="soon"),
        ["objectives.rpo: 'soon' is not a duration"],
    ),
    "an objective of nothing": (changed("objectives", "rto", value="0s"), ["objectives.rto is 0s", "such as 24h"]),
    "an objective that there is not": (
        changed("objectives", value={"rpoo": "1h"}),
        ["objectives.rpoo is not a key", "Did you mean rpo?"],
    ),
    "an objective of a component": (
        changed("components", 1, "objectives", "rpo", value="x"),
        ["components[1].objectives.rpo: 'x'"],
    ),
    "a schedule that is none": (changed("schedule", "backup", value="25:00"), ["schedule.backup: '25:00'", "systemd"]),
    "a schedule of what there is not": (changed("schedule", value={"backups": "daily"}), ["Did you mean backup?"]),
    "a delay that is none": (changed("schedule", "random_delay", value="some"), ["schedule.random_delay: 'some'"]),
    "a retention without rules": (changed("retention", value={"min_keep": 3}), ["retention.keep is missing"]),
    "a rule below zero": (changed("retention", "keep", value={"daily": -1}), ["retention.keep.daily is -1"]),
    "a rule that there is not": (changed("retention", "keep", value={"dayly": 1}), ["Did you mean daily?"]),
    "rules that keep nothing": (changed("retention", "keep", value={"daily": 0}), ["retention.keep keeps nothing"]),
    "a label's rule that there is not": (
        changed("retention", "labels", value={"r": {"dayly": 1}}),
        ["retention.labels.r.dayly is not a rule", "daily"],
    ),
    "a label's rule that is not a number": (
        changed("retention", "labels", value={"r": {"daily": "many"}}),
        ["retention.labels.r.daily is 'many'"],
    ),
    "a label that cannot be one": (changed("retention", "labels", value={"a b": {"last": 1}}), ["'a b'"]),
    "a floor of nothing": (changed("retention", "min_keep", value=0), ["retention.min_keep is 0"]),
    "a fraction above one": (changed("retention", "max_fraction", value=30), ["retention.max_fraction is 30"]),
    "an age of unfinished backups": (
        changed("retention", "unfinished_after", value="x"),
        ["retention.unfinished_after: 'x'"],
    ),
    "a retention of a component": (
        changed("components", 1, "retention", value={"min_keep": 0}),
        ["components[1].retention.min_keep is 0"],
    ),
    "a label's name": (changed("labels", value={"Team": "x"}), ["labels: 'Team'"]),
    "a label's name that is taken": (changed("labels", value={"app": "x"}), ["labels.app is a name that"]),
    "a label that is a list": (changed("labels", value={"team": ["a"]}), ["labels.team is not one line"]),
    "an empty failure domain": (changed("failure_domain", value=" "), ["failure_domain is empty"]),
    "a channel of no type": (changed("notifications", value=[{"url": "https://x/"}]), ["type found in notifications"]),
    "a channel of a type that there is not": (changed(*CHANNEL, "type", value="teams"), ["slack", "got: teams"]),
    "a channel without a place": (changed(*CHANNEL, "url_file", value=None), ["notifications[0]: url_file is missing"]),
    "a channel with two places": (changed(*CHANNEL, "url", value="https://x/"), ["url|url_file"]),
    "a URL that is none": (
        changed(*CHANNEL, value={"type": "webhook", "url": "hunter2"}),
        ["notifications[0].url is not an http or https URL (7"],
    ),
    "an option of another type": (
        changed(*CHANNEL, "to", value=["a@b"]),
        ["notifications[0].to is not an option of slack"],
    ),
    "an event that there is not": (
        changed(*CHANNEL, "events", value=["failed"]),
        ["failure, recovery", "no match for: failed"],
    ),
    "events of a dead man's switch": (
        changed("notifications", 2, "events", value=["failure"]),
        ["notifications[2].events", "hears of no success"],
    ),
    "mail to nobody": (changed("notifications", 1, "to", value=[]), ["notifications[1].to is missing"]),
    "mail to what is not an address": (changed("notifications", 1, "to", value=["oncall"]), ["'oncall'", "user@host"]),
    "a password in plain text": (
        changed(
            "notifications",
            1,
            value={
                "type": "email",
                "to": ["a@b"],
                "smtp_user": "u",
                "smtp_password_file": "/p",
                "smtp_security": "none",
            },
        ),
        ["notifications[1].smtp_security is none", "plain text"],
    ),
    "a user without a password": (changed("notifications", 1, "smtp_user", value="u"), ["smtp_password_file"]),
    "a time-out that blocks a backup": (changed(*CHANNEL, "timeout", value="1h"), ["notifications[0].timeout is 1h"]),
    "two channels of one name": (
        changed("notifications", 1, value={"type": "slack", "url_file": "/x"}),
        ["slack is the name of 2 channels"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_key_its_value_and_what_would_be_right(mistake: str) -> None:
    plan, words = MISTAKES[mistake]
    errors = plan_errors(plan)
    assert len(errors) == 1, errors
    assert [word for word in words if word not in errors[0]] == [], errors
    assert "hunter2" not in errors[0]


def test_a_mistake_of_the_plan_is_not_said_again_of_each_component() -> None:
    assert len(plan_errors(changed("retention", value=7))) == 1
    assert len(plan_errors(changed("retention", "keep", value=[]))) == 1


@pytest.mark.parametrize(
    ("keep", "more", "days"),
    [
        ({"within": "36h"}, {}, 2),
        ({"daily": 14, "weekly": 8}, {}, 56),
        ({"monthly": 12, "hourly": 48}, {}, 372),
        ({"last": 5}, {}, 5),
        ({"last": 5}, {"max_age": "3d"}, 15),
        ({"hourly": 3}, {}, 1),
        ({"daily": 3}, {"objectives": {"detection_window": "21d"}}, 21),
    ],
)
def test_a_program_that_knows_days_alone_keeps_the_longest_that_a_plan_promises(
    keep: dict[str, t.Any], more: dict[str, t.Any], days: int
) -> None:
    component = {"name": "cluster", "engine": "pgbackrest", "stanza": "main", **more}
    plan = {"app": "shop", "repositories": [{"path": "/b"}], "components": [component], "retention": {"keep": keep}}
    assert plan_errors(plan) == []
    assert kept_days(plan, "cluster") == days


def test_the_days_of_labelled_backups_count_and_without_retention_nothing_is_ever_removed() -> None:
    assert kept_days(PLAN, "codex") == 90
    assert kept_days(changed("retention", value=None), "codex") == 0
