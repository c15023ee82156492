# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules for paths inside a repository."""

from __future__ import annotations

import os.path

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _paths
from hypothesis import example, given, settings
from hypothesis import strategies as st


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "", "a", "\0", "-x", "ä"]), max_size=5).map("/".join)
)
@example("a/../../etc/passwd")
@settings(deadline=None)
def test_a_path_that_is_accepted_stays_inside_and_can_be_written(path: str) -> None:
    try:
        _paths.check_path(path)
    except RepositoryError:
        assert not _paths.is_whole_file(path)
        return
    assert _paths.is_whole_file(path)
    assert os.path.normpath(f"/root/{path}") == f"/root/{path}"
    assert "\0" not in path
    path.encode()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "empty"),
        ("/a", "absolute"),
        ("a/../b", "a part . or .."),
        ("a//b", "an empty part"),
        ("a\x1fb", "a control character"),
        ("a\ud800b", "not Unicode"),
        ("ä" * 124, "248 bytes"),
        ("/".join(["x" * 200] * 5), "1004 bytes"),
        ("a.partial", "unfinished"),
        ("a/.lifeboat-probe-1", "probes"),
    ],
)
def test_a_refusal_says_why(path: str, why: str) -> None:
    with pytest.raises(RepositoryError, match=why):
        _paths.check_path(path)


def test_a_name_of_247_bytes_leaves_room_for_the_suffix_of_a_partial_file() -> None:
    assert len(_paths.check_path("x" * 247) + _paths.PARTIAL_SUFFIX) == 255


def test_a_folder_loses_one_slash_at_its_end() -> None:
    assert [_paths.check_folder(prefix) for prefix in ("", "a", "a/", "a/b/")] == ["", "a", "a", "a/b"]
    with pytest.raises(RepositoryError):
        _paths.check_folder("/")


def test_parents_begin_with_the_deepest() -> None:
    assert list(_paths.parents("a/b/c")) == ["a/b", "a"]
    assert list(_paths.parents("a")) == []


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1 << 20, "1.0 MiB"), (5 << 40, "5.0 TiB"), (3 << 50, "3072.0 TiB")],
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert _paths.readable_size(count) == text
