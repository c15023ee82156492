# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_fence against a real server."""

from __future__ import annotations

import typing as t

import psycopg2
import pytest

from tests.integration.modules import run_module
from tests.integration.test_pg_standby import Pair, empty_pair, pair

__all__ = ["empty_pair", "pair"]  # the fixtures


def test_a_standby_forgets_the_fence_of_the_time_when_it_was_a_primary(pair: Pair) -> None:  # noqa: F811
    def change(state: str) -> tuple[bool, bool]:
        result = run_module("pg_fence", {"dsn": pair.standby.dsn(), "state": state})
        assert not result.get("failed"), result
        return result["changed"], result["refuses_writes"]

    assert change("unfenced") == change("fenced") == (False, True)
    pair.standby.execute("alter system set default_transaction_read_only = on")
    pair.standby.restart()
    assert (change("unfenced"), change("unfenced")) == ((True, True), (False, True))
    assert pair.standby.value("show default_transaction_read_only") == "off"


def test_a_primary_refuses_writes_until_the_fence_is_lifted(empty_pair: Pair) -> None:  # noqa: F811
    dsn = empty_pair.primary.dsn()

    def change(state: str, *, check_mode: bool = False) -> dict[str, t.Any]:
        result = run_module("pg_fence", {"dsn": dsn, "state": state}, check_mode=check_mode)
        assert not result.get("failed"), result
        return result

    application = psycopg2.connect(dsn)
    assert change("unfenced")["changed"] is False
    assert change("fenced", check_mode=True)["changed"] and not change("unfenced")["changed"]
    fenced = change("fenced")
    assert fenced["changed"] and fenced["refuses_writes"] and fenced["sessions_ended"] >= 1, fenced
    assert change("fenced")["changed"] is False
    with pytest.raises(psycopg2.Error), application.cursor() as cursor:
        cursor.execute("create table late ()")
    with (
        pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
        psycopg2.connect(dsn) as again,
        again.cursor() as cursor,
    ):
        cursor.execute("create table late ()")
    lifted = change("unfenced")
    assert lifted["changed"] and not lifted["refuses_writes"]
    with psycopg2.connect(dsn) as again, again.cursor() as cursor:
        cursor.execute("create table in_time ()")
