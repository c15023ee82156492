# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a lifeboat_plan names every mistake."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES
from ansible_collections.lifeboat.dr.plugins.plugin_utils._lifeboat_plan import (
    COMPONENT_KEYS,
    OF_COMPONENT,
    plan_errors,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._plan_keys import PLAN_KEYS_SPEC
from hypothesis import given
from hypothesis import strategies as st

COMPONENT: dict[str, t.Any] = {
    "name": "codex",
    "engine": "postgresql",
    "dsn": "postgresql:///codex",
    "jobs": 2,
    "max_age": "20h",
}
PLAN: dict[str, t.Any] = {
    "app": "shop",
    "run_as": "postgres",
    "repositories": [
        {"path": "/var/backups/lifeboat"},
        {"bucket": "shop-backups", "prefix": "lifeboat", "region": "us-west-2"},
    ],
    "encryption": {"engine": "age", "recipients": ["age1operations", "age1offline"]},
    "compression": {"engine": "zstd", "level": 3},
    "components": [COMPONENT],
    "verification": {
        "profile": "full",
        "identity_file": "/etc/lifeboat/key",
        "checks": [{"query": "select 1", "value": 1}],
    },
}


def changed(**keys: t.Any) -> dict[str, t.Any]:
    """The good plan with other values; None takes a key out."""
    return {name: value for name, value in {**copy.deepcopy(PLAN), **keys}.items() if value is not None}


def with_component(**keys: t.Any) -> dict[str, t.Any]:
    """The good plan with a component that has other values."""
    return changed(components=[{name: value for name, value in {**COMPONENT, **keys}.items() if value is not None}])


def test_a_good_plan_has_no_errors() -> None:
    assert plan_errors(PLAN) == []


STREAMS: dict[str, t.Any] = {
    "name": "events",
    "engine": "jetstream",
    "url": "nats://n1:4222",
    "streams": ["GH"],
    "idle_timeout": "1m",
}


def test_streams_stand_beside_databases() -> None:
    assert plan_errors(changed(components=[COMPONENT, STREAMS])) == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"url": None}, "components[0]: url and servers: none of them is given"),
        ({"user": "u"}, "components[0]: user and password belong together"),
        ({"credentials_file": "/c", "token": "t"}, "credentials_file and token are given"),
        ({"dsn": "postgresql:///x"}, "components[0].dsn is not a key"),
        ({"rename": {"A": "B"}}, "components[0].rename is not a key"),
        ({"idle_timeout": "soon"}, "components[0].idle_timeout: 'soon'"),
        ({"consumers": "all"}, "require, rebuild, ignore"),
    ],
)
def test_a_mistake_in_a_component_of_streams_is_named(keys: dict[str, t.Any], words: str) -> None:
    component = {name: value for name, value in {**STREAMS, **keys}.items() if value is not None}
    assert words in " ".join(plan_errors(changed(components=[component])))


BUCKETS: dict[str, t.Any] = {
    "name": "chunks",
    "engine": "s3",
    "source": {"bucket": "chunks", "region": "us-east-1"},
    "destination": {"bucket": "chunks-dr", "region": "us-west-2"},
    "grace": "30m",
}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, ""),
        ({"verification": {"profile": "quick"}}, ""),
        ({"destination": None}, "destination"),
        ({"source": {"region": "us-east-1"}}, "bucket"),
        ({"grace": "soon"}, "components[0].grace"),
        ({"streams": ["GH"]}, "components[0].streams is not a key"),
        ({"source": {"bucket": "chunks", "secret_key": "hunter2"}}, "access_key"),
    ],
)
def test_a_component_of_buckets_is_checked(keys: dict[str, t.Any], words: str) -> None:
    component = {name: value for name, value in {**BUCKETS, **keys}.items() if value is not None}
    errors = " ".join(plan_errors(changed(components=[component])))
    assert words in errors and bool(errors) == bool(words), errors
    assert "hunter2" not in errors


def test_the_least_that_a_plan_needs() -> None:
    assert (
        plan_errors(
            {"app": "a", "repositories": [{"path": "/b"}], "components": [{"name": "c", "engine": "postgresql"}]}
        )
        == []
    )


MISTAKES: dict[str, tuple[t.Any, list[str]]] = {
    "not a dictionary": ([PLAN], ["list", "dictionary"]),
    "no app": (changed(app=None), ["missing required arguments: app"]),
    "an app that names no folder": (changed(app="sh op"), ["app: 'sh op'", "letters, digits"]),
    "a key that is none": (changed(aapp="shop"), ["aapp is not a key of a plan", "Did you mean app?"]),
    "a repository's key that is none": (
        changed(repositories=[{"path": "/a", "buckt": ""}]),
        ["repositories.buckt", "Did you mean bucket"],
    ),
    "a repository that is no dictionary": (changed(repositories=["/a"]), ["repositories[0] is str"]),
    "no repository": (changed(repositories=[]), ["repositories: there is none"]),
    "a repository that is two": (
        changed(repositories=[{"path": "/a", "bucket": "b"}]),
        ["path|bucket", "repositories"],
    ),
    "a repository that is named twice": (changed(repositories=[{"path": "/a"}, {"path": "/a"}]), ["named twice"]),
    "an option of another engine": (
        changed(encryption={"engine": "age", "symmetric": True}),
        ["encryption.symmetric", "gpg"],
    ),
    "an impossible level": (changed(compression={"level": 99}), ["99"]),
    "no component": (changed(components=[]), ["components: there is none"]),
    "components that are no list": (changed(components=7), ["components"]),
    "a component that is no dictionary": (changed(components=["codex"]), ["components[0] is str"]),
    "a component without a name": (with_component(name=None), ["components[0]: missing required arguments: name"]),
    "a component whose name names no folder": (with_component(name="-x"), ["components[0].name: '-x'"]),
    "an engine that is none": (
        with_component(engine="mysql"),
        [
            "components[0]: value of engine",
            f"{', '.join(ENGINES)}, got: mysql",
        ],
    ),
    "a component's key that is none": (with_component(job=2), ["components[0].job is not a key", "Did you mean jobs?"]),
    "a component's wrong type": (with_component(jobs="many"), ["components[0]", "jobs", "'many'"]),
    "a component's age that is none": (with_component(max_age="20x"), ["components[0].max_age: '20x'", "20h"]),
    "two components of one name": (changed(components=[COMPONENT, COMPONENT]), ["codex is the name of 2"]),
    "two components whose names differ in case alone": (
        changed(components=[COMPONENT, {**COMPONENT, "name": "CODEX"}]),
        ["CODEX and codex differ in upper and lower case alone"],
    ),
    "a profile that is none": (
        changed(verification={"profile": "half"}),
        ["profile", "artifact, quick, full, got: half"],
    ),
    "an age of proofs that is none": (changed(verification={"max_age": "soon"}), ["verification.max_age: 'soon'"]),
    "a check without an answer": (
        changed(verification={"checks": [{"query": "select 1"}]}),
        ["verification.checks[0]", "newer_than"],
    ),
    "a component's check that is one to another store": (
        with_component(verification={"checks": [{"name": "mine", "stream": "S", "value": 1}]}),
        ["components[0].verification.checks[0]", "'mine' asks by stream", "query for a PostgreSQL database"],
    ),
    "a component's check without an answer": (
        with_component(verification={"checks": [{"query": "select 1"}]}),
        ["components[0].verification.checks[0]"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_key_its_value_and_what_would_be_right(mistake: str) -> None:
    plan, words = MISTAKES[mistake]
    errors = plan_errors(plan)
    assert len(errors) == 1, errors
    assert [word for word in words if word not in errors[0]] == []


def test_all_mistakes_are_named_at_once() -> None:
    plan = with_component(max_age="20x", name="-x")
    assert len(plan_errors({**plan, "app": "sh op", "encryption": {"engine": "age", "symmetric": True}})) == 4


def test_the_value_of_a_secret_is_not_repeated() -> None:
    plan = with_component(login_password={"of": "hunter2"}, dsn=None, connect_params="hunter2")
    assert "hunter2" not in " ".join(plan_errors(plan))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from([*PLAN, *PLAN_KEYS_SPEC]), value=anything)
def test_no_value_of_a_key_makes_the_check_itself_fail(key: str, value: t.Any) -> None:
    assert all(isinstance(error, str) for error in plan_errors({**PLAN, key: value}))


component_keys = [
    *{name for spec in COMPONENT_KEYS.values() for name in spec},
    *OF_COMPONENT,
]


@given(key=st.sampled_from(sorted(component_keys)), value=anything)
def test_no_value_of_a_component_makes_the_check_itself_fail(key: str, value: t.Any) -> None:
    for component in (COMPONENT, STREAMS, BUCKETS):
        assert all(isinstance(error, str) for error in plan_errors({**PLAN, "components": [{**component, key: value}]}))


def test_a_stanza_that_is_to_be_made_has_a_place_for_its_configuration_and_takes_backups() -> None:
    made = {"pgbackrest_repositories": [{"path": "/srv/pgbackrest"}], "dsn": "postgresql:///postgres"}
    good = {"name": "cluster", "engine": "pgbackrest", "stanza": "main", "take": "auto", "pgbackrest_config": "/etc/x"}
    assert plan_errors(changed(components=[{**good, "configure": made}])) == []
    for wrong, said in (
        ({"pgbackrest_config": None, "configure": made}, "pgbackrest_config is not"),
        ({"take": "none", "configure": made}, "take is none"),
        ({"configure": {}}, "missing required arguments: pgbackrest_repositories"),
        ({"configure": {**made, "pgbackrest_repositories": []}}, "has 0 entries"),
        ({"configure": {**made, "archive_timeout": "soon"}}, "configure.archive_timeout"),
    ):
        component = {name: value for name, value in {**good, **wrong}.items() if value is not None}
        (error,) = plan_errors(changed(components=[component]))
        assert said in error, error


def test_every_repository_of_a_stanza_that_is_made_gets_backups() -> None:
    made = {"pgbackrest_repositories": [{"path": "/srv/one"}, {"path": "/srv/two"}]}
    first = {
        "name": "cluster", "engine": "pgbackrest", "stanza": "main", "take": "auto", "pgbackrest_config": "/etc/x",
        "configure": made,
    }  # fmt: skip
    second = {"name": "far", "engine": "pgbackrest", "stanza": "main", "take": "auto", "pgbackrest_repo": 2}
    (error,) = plan_errors(changed(components=[first]))
    assert "takes backups into the one with the number 2" in error and "pgbackrest_repo: 2" in error
    assert plan_errors(changed(components=[first, {**second, "take": "none"}])) == [error]
    assert plan_errors(changed(components=[first, {**second, "stanza": "other"}])) == [error]
    assert plan_errors(changed(components=[first, second])) == []
