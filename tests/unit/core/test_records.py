# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed records: there and back, and an error that names the place."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import RecordError, from_plain, to_plain
from hypothesis import given
from hypothesis import strategies as st


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A record within a record."""

    name: str
    size: int = 0


@dataclasses.dataclass(frozen=True)
class Tree:
    """A record with each kind of field that manifests have."""

    leaves: tuple[Leaf, ...]
    by_name: dict[str, Leaf]
    ratio: float
    whole: bool
    other: t.Any = None


LEAVES = st.builds(Leaf, st.text(), st.integers())
TREES = st.builds(
    Tree,
    st.lists(LEAVES, max_size=3).map(tuple),
    st.dictionaries(st.text(), LEAVES, max_size=3),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none() | st.lists(st.integers()),
)
PLAIN: dict[str, t.Any] = {
    "leaves": [{"name": "a"}],
    "by_name": {"b": {"name": "b", "size": 2}},
    "ratio": 1,
    "whole": True,
}


@given(TREES)
def test_a_record_comes_back_from_json_as_it_was(tree: Tree) -> None:
    assert from_plain(Tree, json.loads(json.dumps(to_plain(tree)))) == tree


def test_defaults_are_filled_in_and_unknown_keys_ignored() -> None:
    tree = from_plain(Tree, {**PLAIN, "unknown": 1})
    assert tree == Tree((Leaf("a", 0),), {"b": Leaf("b", 2)}, 1.0, True)
    assert isinstance(tree.ratio, float)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leaves": {}}, r"document\.leaves is dict; list was expected"),
        ({"leaves": ["x"]}, r"document\.leaves\[0\] is str; dict was expected"),
        ({"leaves": [{"name": "a"}, {"size": 1}]}, r"document\.leaves\[1\]\.name is missing"),
        ({"leaves": [{"name": 5}]}, r"document\.leaves\[0\]\.name is 5; str was expected"),
        ({"leaves": [{"name": "a", "size": True}]}, r"document\.leaves\[0\]\.size is True; int was expected"),
        ({"leaves": [{"name": "a", "size": 1.0}]}, r"document\.leaves\[0\]\.size is 1\.0; int was expected"),
        ({"by_name": {"b": None}}, r"document\.by_name\.b is NoneType; dict was expected"),
        ({"by_name": []}, r"document\.by_name is list; dict was expected"),
        ({"ratio": "1"}, r"document\.ratio is '1'; float was expected"),
        ({"ratio": True}, r"document\.ratio is True; float was expected"),
        ({"whole": 1}, r"document\.whole is 1; bool was expected"),
    ],
)
def test_a_wrong_shape_names_its_place(changes: dict[str, t.Any], message: str) -> None:
    with pytest.raises(RecordError, match=f"^{message}$"):
        from_plain(Tree, {**PLAIN, **changes})


def test_keys_that_are_no_text_become_text() -> None:
    assert to_plain({1: (Leaf("a"),)}) == {"1": [{"name": "a", "size": 0}]}
