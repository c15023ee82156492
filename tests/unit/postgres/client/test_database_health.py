# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of a database's health, by the figures of its views."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._health import (
    BAD,
    GOOD,
    WARNING,
    Health,
    judge,
    worst,
)

TABLE = {"schema": "public", "name": "orders", "bytes": 1 << 30, "table_bytes": 1 << 30, "live_rows": 9, "dead_rows": 1}


def health(**more: t.Any) -> Health:
    facts = {
        "oldest_xid_age": 1000, "oldest_transaction_seconds": None, "oldest_prepared_seconds": None, "connections": 5,
        "max_connections": 100, "archive_mode": "on",
    }  # fmt: skip
    archiver = {"failing": False, "last_failed_wal": "000000010000000000000002", "last_failed_time": "2026-11-30"}
    return Health(
        {**facts, **more.get("facts", {})},
        {**archiver, **more.get("archiver", {})},
        tuple({**TABLE, **table} for table in more.get("tables", [{}])),
        tuple(more.get("invalid", ())),
        tuple(more.get("slots", ())),
    )


def test_a_quiet_database_is_good() -> None:
    assert judge(health()) == [] and worst([]) == GOOD


@pytest.mark.parametrize(
    ("more", "code", "state"),
    [
        ({"facts": {"oldest_xid_age": 900_000_000}}, "wraparound", WARNING),
        ({"facts": {"oldest_xid_age": 1_700_000_000}}, "wraparound", BAD),
        ({"archiver": {"failing": True}}, "archiver_failing", BAD),
        ({"facts": {"oldest_transaction_seconds": 3601.0}}, "old_transaction", WARNING),
        ({"facts": {"oldest_prepared_seconds": 3601.0}}, "old_prepared", WARNING),
        ({"tables": [{"live_rows": 1, "dead_rows": 1}]}, "bloat", WARNING),
        ({"slots": [{"name": "eu", "active": False, "kept_bytes": 11 << 30}]}, "slot_keeps_log", WARNING),
        ({"invalid": ["public.a"]}, "invalid_index", WARNING),
        ({"facts": {"connections": 91}}, "connections", WARNING),
    ],
)
def test_each_fault_has_its_word_and_its_state(more: dict[str, t.Any], code: str, state: str) -> None:
    [finding] = judge(health(**more))
    assert (finding.code, finding.state) == (code, state) and finding.message and finding.next_step


@pytest.mark.parametrize(
    "more",
    [
        {"archiver": {"failing": True}, "facts": {"archive_mode": "off"}},
        {"tables": [{"live_rows": 1, "dead_rows": 1, "table_bytes": 1000}, {"live_rows": None, "dead_rows": None}]},
        {
            "slots": [
                {"name": "eu", "active": True, "kept_bytes": 11 << 30},
                {"name": "x", "active": False, "kept_bytes": None},
            ]
        },
    ],
)
def test_what_does_no_harm_is_not_said(more: dict[str, t.Any]) -> None:
    assert judge(health(**more)) == []
