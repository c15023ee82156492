# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lint of imports sees each kind of fault in a tree that has it, and none in ours."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import typing as t

import pytest

_PATH = pathlib.Path(__file__).parents[2] / "tools" / "imports.py"
_BASE = "from ansible_collections.lifeboat.dr.plugins.module_utils."
TABLE = """
<!-- rooms -->
| `_core` | errors | |
| `_a/x` | one | `_core` |
| `_b/x` | two | `_core`, `_a/*` |
<!-- /rooms -->
"""


@pytest.fixture(scope="module")
def lint() -> t.Any:
    specification = importlib.util.spec_from_file_location("imports_lint", _PATH)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["imports_lint"] = module
    specification.loader.exec_module(module)
    return module


def tree(folder: pathlib.Path, **files: str) -> pathlib.Path:
    """A folder ``plugins``; a name such as ``module_utils__core__errors`` is a path."""
    everything = {"module_utils/_core/_e.py": "", "module_utils/_a/x/_f.py": "", "module_utils/_b/x/_g.py": "", **files}
    for name, text in everything.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""A docstring."""\n{text}', encoding="utf-8")
    return folder


def test_our_own_tree_has_no_fault(lint: t.Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint.main() == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        f"{_BASE}_b.x._g import name\n",
        f"def work():\n    {_BASE}_b.x import _g\n",
        f"if t.TYPE_CHECKING:\n    {_BASE}_b.x._g import name\n",
    ],
)
def test_an_arrow_that_the_table_does_not_allow_is_named(lint: t.Any, tmp_path: pathlib.Path, text: str) -> None:
    files = lint.read(tree(tmp_path, **{"module_utils/_a/x/_f.py": text}))
    assert lint.forbidden(files, lint.read_table(TABLE)) == ["module_utils/_a/x/_f.py: _a/x may not import _b/x"]
    allowed = lint.read(tree(tmp_path, **{"module_utils/_b/x/_g.py": text.replace("_b.x", "_a.x").replace("_g", "_f")}))
    assert not [error for error in lint.forbidden(allowed, lint.read_table(TABLE)) if "_b/x may not" in error]


def test_a_room_without_a_row_and_a_row_without_a_room_are_named(lint: t.Any, tmp_path: pathlib.Path) -> None:
    files = lint.read(tree(tmp_path, **{"module_utils/_new/_h.py": ""}))
    assert [error.partition(":")[0] for error in lint.forbidden(files, lint.read_table(TABLE))] == ["_new"]
    table = lint.read_table(TABLE.replace("<!-- /rooms", "| `_gone` | nothing | |\n<!-- /rooms"))
    assert "_gone" in [error.partition(":")[0] for error in lint.forbidden(files, table)]


def test_a_circle_is_named_once(lint: t.Any) -> None:
    assert lint.circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == ["circle: a -> b -> c -> a"]
    assert lint.circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_a_module_that_carries_two_stores_is_named(lint: t.Any, tmp_path: pathlib.Path) -> None:
    both = f"def main():\n    {_BASE}_a.x._f import name\n    {_BASE}_b.x._g import name\n"
    files = lint.read(tree(tmp_path, **{"modules/both.py": both, "modules/one.py": f"{_BASE}_a.x._f import name\n"}))
    assert lint.heavy_modules(files, {"A": ("_a",), "B": ("_b",)}) == ["modules/both.py: carries the code of A and B"]


def test_long_functions_and_lost_docstrings_are_named(lint: t.Any, tmp_path: pathlib.Path) -> None:
    long = "def work():\n" + "    pass\n" * 60
    files = lint.read(tree(tmp_path, **{"module_utils/_a/x/_f.py": long}))
    assert lint.style(files) == ["module_utils/_a/x/_f.py:2: work has 61 lines, 60 at most"]
    (tmp_path / "module_utils" / "_core" / "_e.py").write_text("import os\n", encoding="utf-8")
    assert "module_utils/_core/_e.py: its first statement is not its docstring" in lint.style(lint.read(tmp_path))


def test_a_store_that_outgrew_its_room_is_named_and_only_its_code_counts(
    lint: t.Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "module_utils" / "_stores" / "x"
    room.mkdir(parents=True)
    half = '"""One.\n\nTwo.\n"""\n\n# three\n' + "x = 1\n" * 200
    for name, text in (("_f.py", half), ("_g.py", half)):
        (room / name).write_text(text, encoding="utf-8")
    assert lint.large_stores(lint.read(tmp_path), tmp_path) == [
        "_stores/x: a store that STORES in imports.py does not name"
    ]
    monkeypatch.setattr(lint, "STORES", {"X": ("_stores.x",)})
    assert lint.large_stores(lint.read(tmp_path), tmp_path) == []
    (room / "_g.py").write_text(half + "y = 2\n", encoding="utf-8")
    assert [error.partition(",")[0] for error in lint.large_stores(lint.read(tmp_path), tmp_path)] == [
        "_stores/x: 401 lines of code"
    ]
