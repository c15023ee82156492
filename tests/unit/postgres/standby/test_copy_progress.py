# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Progress of pg_basebackup and pg_rewind, from what they write."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._copying import CopyProgress
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("rest", [", 0/1 tablespace\n", " copied\n"], ids=["pg_basebackup", "pg_rewind"])
def test_bytes_and_their_total_are_what_the_program_says(rest: str) -> None:
    progress = Progress(None, "/var/lib/postgresql/15/main")
    copying = CopyProgress(progress, "copying")
    assert not copying.has_begun and progress.snapshot()["total"] is None
    for done in (0, 24, 1000):
        assert copying.is_line(f"{done:>8}/1000 kB ({done // 10}%){rest}")
        assert (progress.snapshot()["done"], progress.snapshot()["total"]) == (done * 1024, 1000 * 1024)
    assert copying.has_begun


@given(st.text() | st.from_regex(r"\A\s*[0-9]{1,40}/[0-9]{1,40} kB.*"))
def test_whatever_else_a_program_says_is_an_answer_and_no_error(line: str) -> None:
    copying = CopyProgress(Progress(None, ""), "copying")
    assert copying.is_line(line) is copying.has_begun
