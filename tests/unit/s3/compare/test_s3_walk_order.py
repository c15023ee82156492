# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a walk asks for, and when: never the destination before the source, and the next range before the last one has
ended.
"""

from __future__ import annotations

import itertools
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY, Page
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare import _walk
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._key_ranges import Range

from tests.unit.s3.compare.walks import compared_object, walk

_ROWS = [compared_object(b"%03d" % number) for number in range(400)]


def _watched(
    walked: _walk.Walk, side: int, before: t.Callable[[bytes], None], after: t.Callable[[bytes], None]
) -> None:
    """Tell of each page of one side, by its first key, before it is given and when it is."""
    lister = walked._listers[side]
    ask = lister.page_after

    def page_after(*arguments: t.Any, **more: t.Any) -> Page:
        page = ask(*arguments, **more)
        before(page.rows[0][KEY])
        after(page.rows[0][KEY])
        return page

    object.__setattr__(lister, "page_after", page_after)


def test_the_source_gives_the_first_page_of_the_next_range_while_the_destination_gives_the_last_one_of_this() -> None:
    walked = walk(_ROWS[:20], _ROWS[:20], 10, 1)
    begun = threading.Event()
    late: list[bytes] = []
    _watched(walked, 0, lambda key: begun.set() if key == b"010" else None, lambda key: None)
    _watched(walked, 1, lambda key: None if key == b"010" or begun.wait(20) else late.append(key), lambda key: None)
    tally = walked.run([Range(None, b"009"), Range(b"009", None)])
    assert (tally.matched, late) == (20, [])


def test_no_page_of_the_destination_is_asked_for_before_the_source_has_given_its_own() -> None:
    walked = walk(_ROWS, _ROWS, 10, 4)
    given: set[bytes] = set()
    early: list[bytes] = []
    _watched(walked, 0, lambda key: None, given.add)
    _watched(walked, 1, lambda key: None if key in given else early.append(key), lambda key: None)
    ends = [None, *(b"%03d" % number for number in range(49, 399, 50)), None]
    tally = walked.run([Range(after, until) for after, until in itertools.pairwise(ends)])
    assert (tally.matched, early) == (400, [])


def test_a_range_that_was_begun_and_not_walked_is_left_for_the_next_run() -> None:
    walked = walk(_ROWS[:20], _ROWS[:20], 10, 1)
    begun = threading.Event()
    seen: list[list[list[str | None]]] = []
    _watched(walked, 0, lambda key: begun.set() if key == b"010" else None, lambda key: None)
    _watched(walked, 1, lambda key: seen.append(walked.state()["left"]) if begun.wait(20) else None, lambda key: None)
    walked.run([Range(None, b"009"), Range(b"009", None)])
    assert seen[0] == [[None, "009"], ["009", None]]


@pytest.mark.parametrize(
    ("prefix", "key", "folders"),
    [
        (b"", b"chunks/00/abc", [b"", b"chunks/"]),
        (b"chunks/", b"chunks/00/abc", [b"chunks/"]),
        (b"chu", b"chunks/00/x/abc", [b"chu", b"chunks/", b"chunks/00/"]),
        (b"", b"flat", [b""]),
        (b"", b"", [b""]),
        (b"a/", b"somewhere else", [b"a/"]),
        (b"", b"/".join([b"deep"] * 20), [b"deep/" * depth for depth in range(8)]),
    ],
)
def test_folders_above_a_key_are_known_without_asking(prefix: bytes, key: bytes, folders: list[bytes]) -> None:
    assert _walk._above(prefix, key) == folders
