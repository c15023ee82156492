# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to hold for the proof of every kind of store: one that is added without it fails here."""

from __future__ import annotations

import pathlib
import re

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import ENGINES

_INTEGRATION = pathlib.Path(__file__).parents[2] / "integration"
_TESTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted(_INTEGRATION.glob("test_*.py")))
_NEVER_EMPTY = {"postgresql_physical", "pgbackrest"}  # a cluster always has its own databases


def _tested(by: str) -> set[str]:
    return set(re.findall(rf'{by}\(\s*"(\w+)"', _TESTS))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_test_kills_the_server_in_the_proof_of_every_engine_and_finds_a_report(engine: str) -> None:
    """``tests/integration/proofs.py`` has what such a test needs."""
    assert engine in _tested("ends_in_a_report")


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - _NEVER_EMPTY))
def test_a_test_proves_an_empty_backup_of_every_engine_that_can_be_empty(engine: str) -> None:
    """A proof that has compared nothing says so, and is never taken for one."""
    assert engine in _tested("says_that_nothing_was_compared")
