# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lines of pg_waldump say of transactions, in the words of PostgreSQL 15 and 17; when a standby is synchronous."""

from __future__ import annotations

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _synchronous
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._divergence import (
    Divergence,
    Transaction,
    TransactionReader,
)

_HEAD = "rmgr: {rmgr:11} len (rec/tot):     54/   214, tx: {xid:10}, lsn: 0/01590A60, prev 0/01590A28, desc: {desc}"


def record(rmgr: str, xid: int, desc: str) -> str:
    return _HEAD.format(rmgr=rmgr, xid=xid, desc=desc)


def read(*lines: str) -> list[Transaction]:
    reader = TransactionReader()
    return [found for line in lines if (found := reader.feed(line))]


REL = ", blkref #0: rel 1663/5/16384 blk 0"


class TestTransactions:
    @pytest.mark.parametrize(
        "change", ["INSERT off 1 flags 0x00", "INSERT+INIT off 1 flags 0x00", "INSERT off: 1, flags: 0x00"]
    )
    def test_a_commit_gives_what_was_changed(self, change: str) -> None:
        found = read(record("Heap", 733, change + REL), record("Transaction", 733, "COMMIT 2026-11-30 10:00:00.5 UTC"))
        assert found == [Transaction(733, "2026-11-30 10:00:00.5 UTC", "0/01590A60", {"1663/5/16384": {"inserted": 1}})]

    @pytest.mark.parametrize("change", ["MULTI_INSERT+INIT 61 tuples flags 0x02", "MULTI_INSERT ntuples: 61, flags: 0"])
    def test_a_record_of_several_rows_counts_all_of_them(self, change: str) -> None:
        found = read(record("Heap2", 7, change + REL), record("Transaction", 7, "COMMIT 2026-11-30 10:00:00 UTC"))
        assert found[0].relations == {"1663/5/16384": {"inserted": 61}}

    def test_what_was_rolled_back_or_never_ended_is_left_out(self) -> None:
        assert read(
            record("Heap", 7, "DELETE off 1" + REL),
            record("Transaction", 7, "ABORT 2026-11-30 10:00:00 UTC"),
            record("Heap", 8, "DELETE off 2" + REL),
        ) == []  # fmt: skip

    def test_subtransactions_belong_to_the_transaction_that_commits_them(self) -> None:
        found = read(
            record("Heap", 8, "HOT_UPDATE off 1" + REL),
            record("Heap", 9, "DELETE off 2" + REL),
            record("Heap", 10, "DELETE off 3" + REL),
            record("Transaction", 7, "COMMIT 2026-11-30 10:00:00 UTC; subxacts: 8 9; inval msgs: catcache 7"),
        )
        assert found[0].relations == {"1663/5/16384": {"updated": 1, "deleted": 1}}

    def test_a_prepared_transaction_counts_when_it_is_committed(self) -> None:
        found = read(
            record("Heap", 70, "INSERT off 1" + REL),
            record("Transaction", 70, "PREPARE gid one: 2026-11-30 10:00:00 UTC"),
            record("Transaction", 0, "COMMIT_PREPARED 70: 2026-11-30 10:00:01 UTC"),
        )
        assert [(one.xid, one.relations) for one in found] == [(70, {"1663/5/16384": {"inserted": 1}})]

    def test_other_lines_say_nothing(self) -> None:
        assert read("first record is after 0/3000000", "", record("Heap", 7, "LOCK off 1" + REL)) == []


class TestDivergence:
    def test_its_segments_are_named_as_postgresql_names_them(self) -> None:
        divergence = Divergence("73", 2, 0x1_00FF_FF00, 0x1_0100_0100, 16 << 20)
        assert divergence.segments() == ["000000020000000100000000", "000000020000000100000001"]
        assert divergence.lost_bytes == 0x200

    def test_a_checkpoint_before_the_fork_leaves_nothing(self) -> None:
        assert Divergence("73", 1, 200, 100, 16 << 20).lost_bytes == 0


class TestSynchronous:
    @pytest.mark.parametrize(
        ("current", "wanted", "streams", "action"),
        [
            ("", True, True, _synchronous.SET),
            ("", True, False, _synchronous.WAIT),
            ("", False, True, _synchronous.KEEP),
            ("FIRST 1 (eu_west)", True, True, _synchronous.KEEP),
            ("FIRST 1 (eu_west)", False, False, _synchronous.RESET),
            ("ANY 1 (eu_west, eu_north)", True, True, _synchronous.KEEP),
            ("ANY 1 (eu_west, eu_north)", False, True, _synchronous.KEEP),
        ],
    )
    def test_it_is_set_only_while_the_standby_streams(
        self, current: str, wanted: bool, streams: bool, action: str
    ) -> None:
        assert _synchronous.decide(current, "eu_west", wanted, streams) == action

    def test_what_somebody_else_has_set_is_left_alone(self) -> None:
        with pytest.raises(LifeboatError, match="does not name eu_west"):
            _synchronous.decide("FIRST 1 (eu_western)", "eu_west", True, True)
