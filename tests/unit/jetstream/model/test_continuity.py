# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stream whose last sequence went back has lost its end, unless it is another stream, or was restored since."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _restore_plan
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._continuity import Earlier, check_end

EARLIER = Earlier("in the backup 1", "2026-01-15T10:00:00Z", 4000)


def check(last: int, created: str = EARLIER.created, **config: t.Any) -> None:
    check_end("GH", EARLIER, created, config, [{"last_seq": 5000}, {}, {"last_seq": last}])


def test_an_end_that_went_back_is_refused_with_both_numbers_and_the_backup_that_has_it() -> None:
    with pytest.raises(SourceError, match=r"was 4000 in the backup 1, and is 2000 now.*accept_loss: \[GH\]"):
        check(2000)


def test_an_end_that_did_not_go_back_is_not_refused() -> None:
    check(4000)
    check(9000)


def test_another_stream_and_one_that_was_restored_or_emptied_since_begin_anew() -> None:
    check(1, "2026-02-01T10:00:00Z")
    check(1, metadata={_restore_plan.MARK: "shop/events/1"})
    check(0, storage="memory")
    check_end("GH", Earlier("earlier", "", 4000), "", {}, [{"last_seq": 1}])  # a folder, which no server describes
