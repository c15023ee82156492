# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Working names and their locks, and servers that cannot take a backup."""

from __future__ import annotations

import contextlib
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _system_catalog
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._content import PostgresContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.restore import _target, _working
from hypothesis import given
from hypothesis import strategies as st

_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=63).filter(
    lambda name: len(name.encode()) <= 63
)
_TAILS = st.text("0123456789abcdef", min_size=6, max_size=6)


@given(_NAMES, _TAILS)
def test_a_working_name_fits_and_is_known_again(name: str, tail: str) -> None:
    working = _target.working_name(name, _working.WORD, tail)
    assert len(working.encode()) <= 63 and working != name
    assert _working.is_working_name(working, name)
    assert -(2**63) <= _working.lock_key(working) < 2**63


@pytest.mark.parametrize(
    "working",
    ["codex", "codex_restoring_", "codex_restoring_ABCDEF", "codex_restoring_abcdef1", "codex2_restoring_abcdef"],
)
def test_other_names_are_not_taken_for_working_names(working: str) -> None:
    assert not _working.is_working_name(working, "codex")


def _content(major: int) -> PostgresContent:
    return t.cast(PostgresContent, types.SimpleNamespace(major=major, extensions=(), roles=()))


def _script(monkeypatch: pytest.MonkeyPatch, version_num: int, *, in_recovery: bool = False) -> None:
    """A server of this version, whose role may create databases."""
    server = _system_catalog.Server("scripted", version_num, "", 1, in_recovery, "0/0")
    monkeypatch.setattr(_target, "cursor_in", lambda _connection: contextlib.nullcontext(object()))
    monkeypatch.setattr(_system_catalog, "server", lambda _cursor: server)
    monkeypatch.setattr(_system_catalog, "value", lambda _cursor, _sql, _parameters=(): True)
    monkeypatch.setattr(_system_catalog, "query", lambda _cursor, _sql, _parameters=(): [])


_CONNECTION = Connection({"host": "db1", "dbname": "codex"})


def test_an_older_server_is_refused_and_a_newer_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    _script(monkeypatch, 140012)
    with pytest.raises(
        OptionError, match=r"The backup is of PostgreSQL 15, and db1:5432/codex runs 14.*PostgreSQL 15 or newer"
    ):
        _target.check_server(_CONNECTION, _content(15), owners=True)
    assert _target.check_server(_CONNECTION, _content(14), owners=True) == 14
    assert _target.check_server(_CONNECTION, _content(13), owners=True) == 14


def test_a_standby_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _script(monkeypatch, 150018, in_recovery=True)
    with pytest.raises(LifeboatError, match="standby"):
        _target.check_server(_CONNECTION, _content(15), owners=True)
