# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option of every module arrives there from a plan, and nothing that the module does not know."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.filter.component_failures import component_failures
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils import _components
from ansible_collections.lifeboat.dr.plugins.plugin_utils._components import (
    backup_call,
    prune_call,
    restore_call,
    verify_call,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES, verify_options
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import (
    COMPONENT_KEYS,
    KEYS,
    VERIFICATION_SPEC,
)

_OF_THE_TASK = {"progress_file"}  # the action plugin's own
WITH_RESTORE = [name for name, engine in ENGINES.items() if engine.restore]


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans whose values are their own names, which no check would let pass."""
    monkeypatch.setattr(_components, "plan_errors", lambda plan: [])


def plan_of(engine: str, verifying: t.Any = None, /, **component: t.Any) -> dict[str, t.Any]:
    whole = {name: f"component.{name}" for name in COMPONENT_KEYS[engine]}
    return {
        "app": "shop",
        "run_as": "postgres",
        "repositories": "plan.repositories",
        "encryption": "plan.encryption",
        "compression": "plan.compression",
        "verification": verifying,
        "watch": {"metrics_dir": "/metrics", "audit_log": "/audit.log"},
        "labels": {"team": "shop"},
        "components": [
            {"name": "other", "engine": "postgresql"},
            {"name": "mine", "engine": engine, **whole, **component},
        ],
    }


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("engine", list(ENGINES))
def test_every_option_of_a_backup_arrives(engine: str) -> None:
    spec, call = ENGINES[engine].backup.spec, backup_call(plan_of(engine), "mine", state_dir="/role", label="now")
    assert call.module == f"lifeboat.dr.{ENGINES[engine].backup.name}"
    assert set(call.arguments) == set(spec) - _OF_THE_TASK
    for name in COMPONENT_KEYS[engine]:
        assert call.arguments[name] == f"component.{name}"
    for name in {"repositories", "encryption", "compression"} & set(spec):
        assert call.arguments[name] == f"plan.{name}"
    assert (call.arguments["app"], call.arguments["component"]) == ("shop", "mine")
    assert call.arguments["metrics"] == {"dir": "/metrics", "labels": {"team": "shop"}}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("place", ["plan", "component"])
@pytest.mark.parametrize("engine", list(ENGINES))
def test_every_option_of_a_proof_arrives_and_none_of_another_store(engine: str, place: str) -> None:
    whole = {name: f"{place}.{name}" for name in VERIFICATION_SPEC}
    plan = plan_of(engine, whole) if place == "plan" else plan_of(engine, verification=whole)
    spec, call = ENGINES[engine].verify.spec, verify_call(plan, "mine")
    assert call.module == f"lifeboat.dr.{ENGINES[engine].verify.name}"
    assert set(call.arguments) == set(spec) - _OF_THE_TASK
    assert call.arguments["encryption"] == {name: f"{place}.{name}" for name in KEYS}
    for name in set(spec) & set(VERIFICATION_SPEC):
        assert call.arguments[name] == f"{place}.{name}"


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("engine", WITH_RESTORE)
def test_every_option_of_a_restore_arrives(engine: str) -> None:
    module = ENGINES[engine].restore
    assert module is not None
    options = {name: f"options.{name}" for name in module.spec if name not in ("app", "component", "repositories")}
    call = restore_call(plan_of(engine), "mine", options)
    assert set(call.arguments) == set(module.spec) | set(module.fixed)
    assert {name: call.arguments[name] for name in options} == options
    with pytest.raises(OptionError, match=r"options\.nonsense is not an option of lifeboat\.dr\."):
        restore_call(plan_of(engine), "mine", {"nonsense": 1})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("engine", WITH_RESTORE)
def test_an_isolated_restore_goes_nowhere_that_the_plan_names(engine: str) -> None:
    """What it takes from a component are programs, and where data is read; never a server, and never ``restore``."""
    module = ENGINES[engine].restore
    assert module is not None
    place = {name: f"restore.{name}" for name in module.spec}
    options = {"backup": "newest", "time_limit": "1h"}
    arguments = restore_call(plan_of(engine, restore=place), "mine", options, isolated=True).arguments
    said = {name for name, value in arguments.items() if str(value).startswith(("component.", "restore."))}
    assert said <= {"bin_dir", "allow_vulnerable_client"} or engine in ("paths", "pgbackrest")
    assert not any(str(value).startswith("restore.") for value in arguments.values())
    if engine == "postgresql":
        assert arguments["target"] == {"scratch": True}
        own = restore_call(plan_of(engine), "mine", {"target": {"dsn": "x"}}, isolated=True).arguments
        assert own["target"] == {"dsn": "x"}
        for taking in ({"swap": "postgresql://db1/shop", "confirm": "shop"}, {"replace": "shop"}):
            with pytest.raises(OptionError, match="in the place of another database"):
                restore_call(plan_of(engine), "mine", {"target": taking}, isolated=True)
    else:
        with pytest.raises(OptionError, match="no place of its own can be made"):
            restore_call(plan_of(engine), "mine", {"backup": "newest"}, isolated=True)


@pytest.mark.usefixtures("unchecked")
def test_a_restore_finds_keys_and_server_in_the_plan() -> None:
    plan = plan_of("jetstream", {"identity_file": "/key"}, url="nats://n1", replicas_timeout=None)
    arguments = restore_call(plan, "mine", {"rename": {"A": "B"}}).arguments
    assert arguments["encryption"] == {"identity_file": "/key"} and arguments["state"] == "restored"
    assert arguments["url"] == "nats://n1" and arguments["rename"] == {"A": "B"}
    assert "max_age" not in arguments and "streams" not in arguments
    assert restore_call(plan, "mine", {"url": "nats://new"}).arguments["url"] == "nats://new"


@pytest.mark.usefixtures("unchecked")
def test_the_options_of_a_proof_stand_before_the_plan_and_are_known() -> None:
    plan = plan_of("postgresql", {"profile": "full"}, verification={"profile": "quick"})
    assert verify_call(plan, "mine", {"profile": "artifact", "backup": "oldest"}).arguments["profile"] == "artifact"
    with pytest.raises(OptionError, match=r"options\.nonsense is not an option of lifeboat\.dr\.pg_verify"):
        verify_call(plan, "mine", {"nonsense": 1})


@pytest.mark.usefixtures("unchecked")
def test_what_a_component_says_stands_before_what_the_plan_says() -> None:
    plan = plan_of("postgresql", {"profile": "full", "jobs": 4, "max_age": None}, verification={"profile": "quick"})
    assert verify_call(plan, "mine").arguments == {
        "app": "shop",
        "component": "mine",
        "repositories": "plan.repositories",
        "profile": "quick",
        "jobs": 4,
        "metrics": {"dir": "/metrics", "labels": {"team": "shop"}},
        "audit": {"log": "/audit.log"},
    }
    assert (
        backup_call(plan_of("postgresql", state_dir=None), "mine", state_dir="/role").arguments["state_dir"] == "/role"
    )


@pytest.mark.usefixtures("unchecked")
def test_the_buckets_of_a_component_need_not_be_said_twice() -> None:
    plan = plan_of("s3", {})
    own = {"source": "component.source", "destination": "component.destination"}
    assert verify_call(plan, "mine").arguments["buckets"] == own
    plan["verification"] = {"buckets": {"destination": "other"}}
    assert verify_call(plan, "mine").arguments["buckets"] == {"destination": "other"}


def test_a_plan_that_cannot_be_used_and_a_component_that_is_not_there_are_named() -> None:
    plan = {"app": "a", "repositories": [{"path": "/b"}], "components": [{"name": "c", "engine": "s3"}]}
    with pytest.raises(OptionError, match="plan cannot be used: .*destination"):
        backup_call(plan, "c")
    plan["components"] = [{"name": "c", "engine": "postgresql"}]
    with pytest.raises(OptionError, match="no component 'd'") as raised:
        verify_call(plan, "d")
    assert raised.value.hint == "There are: c."


def test_the_questions_of_all_stores_can_stand_in_a_plan() -> None:
    questions = set(verify_options()["checks"]["options"])
    for engine in ENGINES.values():
        assert set(engine.store.question_keys) <= questions


def test_what_failed_is_a_short_list_with_a_name_and_a_message_each() -> None:
    results = [
        {"name": "a", "changed": True},
        {"name": "b", "failed": True, "msg": "The server is gone.\n", "module_stderr": "much"},
        {"name": "c", "unreachable": True, "msg": "No route."},
        {"name": "d", "failed": True},
    ]
    assert component_failures({"results": results}, "name") == [
        "3 of 4 components failed.",
        "b: The server is gone.",
        "c: No route.",
        "d: no message",
    ]
    assert component_failures({"results": results[:1]}, "name") == []
    assert component_failures({}) == []
    bare = {
        "item": "codex",
        "failed": True,
        "msg": "The module interpreter '/opt/lifeboat/venv/bin/python' was not found.",
    }
    assert component_failures({"results": [bare]})[1].endswith(
        "found. Set the host up with lifeboat.dr.backup_install."
    )


def test_the_retention_of_a_component_arrives_at_the_module_that_deletes() -> None:
    plan = {
        "app": "shop",
        "repositories": [{"path": "/b"}],
        "retention": {"keep": {"daily": 14}, "min_keep": 3},
        "components": [{"name": "mine", "engine": "postgresql", "state_dir": "/own"}],
    }
    call = prune_call(plan, "mine", confirm="5b1f", state_dir="/role")
    assert call and call.module == "lifeboat.dr.backup_prune"
    assert call.arguments == {
        "app": "shop", "component": "mine", "repositories": [{"path": "/b"}],
        "keep": {"daily": 14}, "min_keep": 3, "confirm": "5b1f", "state_dir": "/own",
    }  # fmt: skip
    del plan["retention"]
    assert prune_call(plan, "mine") is None


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("engine", ["postgresql_physical", "pgbackrest"])
def test_what_somebody_says_of_the_moment_stands_in_place_of_what_the_plan_says(engine: str) -> None:
    """Exactly one target may be given."""
    plan = plan_of(engine, restore={"data_dir": "/new", "target": "latest", "target_name": "old", "action": "promote"})
    points = {"target", "target_time", "target_name", "target_lsn", "target_xid"}
    for options, moment, expected in (
        ({}, None, {"target": "latest", "target_name": "old"}),
        ({}, "2026-01-15T14:30:00Z", {"target_time": "2026-01-15T14:30:00Z"}),
        ({"target_lsn": "0/5"}, None, {"target_lsn": "0/5"}),
        ({"data_dir": "/other"}, None, {"target": "latest", "target_name": "old"}),
    ):
        arguments = restore_call(plan, "mine", options, target_time=moment).arguments
        assert {name: arguments[name] for name in points & set(arguments)} == expected
        assert arguments["action"] == "promote" and arguments["data_dir"] == options.get("data_dir", "/new")
