# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions of libraries a manifest records."""

from __future__ import annotations

import importlib.metadata
import sys
import types

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core import _library_versions
from ansible_collections.lifeboat.dr.plugins.module_utils._core._library_versions import versions_in_use


def test_a_library_that_was_imported_is_named_with_its_version_and_no_other_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in _library_versions._LIBRARIES:
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert versions_in_use() == {}
    monkeypatch.setitem(sys.modules, "zstandard", types.ModuleType("zstandard"))
    assert versions_in_use() == {"zstandard": importlib.metadata.version("zstandard")}


def test_a_library_without_metadata_is_named_by_what_it_says_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_library_versions._LIBRARIES, "zstandard", "no-such-distribution")
    copy = types.ModuleType("zstandard")
    copy.__dict__["__version__"] = "9.9"
    monkeypatch.setitem(sys.modules, "zstandard", copy)
    assert versions_in_use()["zstandard"] == "9.9"
