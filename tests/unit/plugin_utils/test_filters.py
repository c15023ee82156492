# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task pays for a filter. For each task that uses one, Ansible reads every filter of the collection anew, in a
process of its own, and compiles what it imports: a tenth of a second of every task, when one of them imported much.
"""

from __future__ import annotations

import ast
import pathlib

import pytest

_PLUGINS = pathlib.Path(__file__).parents[3] / "plugins"
_FILTERS = sorted((_PLUGINS / "filter").glob("*.py"))
_COLLECTION = "ansible_collections.lifeboat.dr.plugins."
_SMALL = {"plugin_utils._plain", "module_utils._core._errors"}  # which import nothing of ours


def _imported(path: pathlib.Path) -> set[str]:
    """Which of our files the import of this one imports."""
    found = [one.module or "" for one in ast.parse(path.read_text("utf-8")).body if isinstance(one, ast.ImportFrom)]
    return {module.removeprefix(_COLLECTION) for module in found if module.startswith(_COLLECTION)}


@pytest.mark.parametrize("path", _FILTERS, ids=[path.stem for path in _FILTERS])
def test_a_filter_imports_what_it_needs_only_when_it_is_used(path: pathlib.Path) -> None:
    assert _imported(path) <= _SMALL


def test_what_every_filter_imports_imports_nothing_of_ours() -> None:
    assert len(_FILTERS) > 20
    for module in _SMALL:
        assert not _imported(_PLUGINS / f"{module.replace('.', '/')}.py")
