# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._versions import level_of, version_text


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ((2, 9, 10), 0),
        ((2, 10, 25), 0),
        ((2, 11, 11), 1),
        ((2, 12, 4), 2),
        ((2, 12, 8), 3),
        ((2, 14, 6), 4),
        ((2, 15, 1), 5),
        ((3, 0, 0), 5),
    ],
)
def test_a_servers_version_tells_its_level(version: tuple[int, int, int], level: int) -> None:
    assert level_of(version) == level


def test_servers_of_the_same_level_are_taken_for_servers_of_the_same_version() -> None:
    assert version_text(4, (2, 14, 6), "2.14.6") == "2.14.6"


@pytest.mark.parametrize(
    ("level", "text"), [(0, "2.10.0+"), (2, "2.12.0+"), (3, "2.12.5+"), (5, "2.15.0+"), (9, "2.15.0+")]
)
def test_others_are_at_least_as_new_as_their_level(level: int, text: str) -> None:
    assert version_text(level, (2, 14, 6), "2.14.6") == text
