# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The component that each database of a cluster is."""

from __future__ import annotations

import re

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._work._pg_backup import component_name
from hypothesis import example, given
from hypothesis import strategies as st

COMPONENTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)
DATABASES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=63)


@given(COMPONENTS, DATABASES)
@example("x" * 63, "\udcff" * 63)
def test_every_database_gives_a_component_that_every_repository_takes(component: str, database: str) -> None:
    assert _manifest.check_name("component", component_name(component, database))


@given(COMPONENTS, DATABASES, DATABASES)
@example("codex", "a b", "a_b")
@example("codex", "a b", "a/b")
@example("codex", "x" * 24 + "1", "x" * 24 + "2")
@example("codex", "x" * 24, "x" * 25)
def test_distinct_databases_never_share_a_component(component: str, one: str, other: str) -> None:
    assert (component_name(component, one) == component_name(component, other)) == (one == other)


@given(COMPONENTS, DATABASES)
@example("codex", "a b")
def test_no_database_can_take_the_component_of_another_by_its_name(component: str, database: str) -> None:
    taken = component_name(component, database)
    impostor = taken[len(component) + 1 :]
    if impostor and impostor != database:
        assert component_name(component, impostor) != taken


def test_long_components_that_begin_alike_stay_apart() -> None:
    assert component_name("x" * 40 + "1", "shop") != component_name("x" * 40 + "2", "shop")


@pytest.mark.parametrize("database", ["shop", "a.b-c_d", "x" * 24, "-x"])
def test_a_plain_name_stays_as_it_is(database: str) -> None:
    assert component_name("codex", database) == f"codex-{database}"


def test_a_name_that_was_changed_stays_readable() -> None:
    assert re.fullmatch(r"codex-my_shop-[0-9a-f]{8}", component_name("codex", "my shop"))
