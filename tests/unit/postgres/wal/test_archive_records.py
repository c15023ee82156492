# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive's records: histories for whoever has no key, and a damaged record in one of two repositories."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._plan import Log
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import Switch, WalName, parse_name

from tests.unit.mock_repository import MockRepository

HISTORY = b"1\t0/5000060\tno recovery target specified\n"
CONTENT = PhysicalContent(
    server_version="17.5", major=17, system_identifier="1", timeline=1, start_lsn="0/2000028", stop_lsn="0/2000138",
    stopped_at="2026-01-15T14:30:00+00:00", segment_bytes=16 << 20, archive="a", first_segment="", last_segment="",
    superuser="postgres", data_checksums=True,
)  # fmt: skip
CLUSTER = "wal/a/cluster.json"
PLAIN = {"engine": "none"}


def named(text: str) -> WalName:
    name = parse_name(text)
    assert name is not None
    return name


def archive(*repositories: MockRepository) -> WalArchive:
    return WalArchive("a", repositories, PLAIN, PLAIN)


def test_whoever_has_no_key_knows_where_a_timeline_comes_from() -> None:
    own = archive(MockRepository())
    own.push(HISTORY, named("00000002.history"), "1")
    listing = own.listing()
    assert listing is not None
    log = Log(own, listing, "1", keyless=True)
    assert log.histories == {2: (Switch(1, 0x5000060),)}


@pytest.mark.parametrize("order", [0, 1])
def test_a_damaged_record_in_one_repository_keeps_no_other_from_having_the_log(order: int) -> None:
    good, bad = MockRepository("good"), MockRepository("bad")
    own = archive(*((bad, good) if order else (good, bad)))
    own.push(HISTORY, named("00000002.history"), "1")
    for damaged in (CLUSTER, "wal/a/00000003/00000003.history/about.json"):
        whole, bad.files[damaged] = bad.files.get(damaged), b"{"
        with pytest.raises(RepositoryError, match="bad: bad/.* cannot be read"):
            own.push(HISTORY, named("00000003.history"), "1")
        assert list(own.push(HISTORY, named("00000003.history"), "1", 1)) == ["bad"]
        assert "wal/a/00000003/00000003.history/00000003.history" in good.files
        if whole is not None:
            bad.files[damaged] = whole


def test_another_clusters_archive_is_refused_whatever_the_other_repositories_say() -> None:
    good, foreign = MockRepository("good"), MockRepository("foreign")
    archive(foreign).push(HISTORY, named("00000002.history"), "2")
    with pytest.raises(DamagedError, match="is the archive of the cluster 2"):
        archive(good, foreign).push(HISTORY, named("00000002.history"), "1", 1)


def test_a_damaged_record_in_one_repository_ends_no_restore_from_another() -> None:
    good, bad = MockRepository("good"), MockRepository("bad")
    own = archive(bad, good)
    own.push(HISTORY, named("00000002.history"), "1")
    bad.files[CLUSTER] = b"{"
    said: list[str] = []
    listing = own.listing(said.append)
    assert listing is not None and listing.files == {"00000002.history": ("good",)}
    assert "The archive in bad is not used" in said[0]
    with pytest.raises(DamagedError, match="cannot be read"):
        archive(bad).listing()


def test_a_damaged_history_keeps_no_other_timeline_from_being_restored() -> None:
    """One damaged file of a hundred bytes ended every restore, also of what was before it."""
    own = MockRepository()
    archived = archive(own)
    for text in ("00000002.history", "00000003.history"):
        archived.push(HISTORY, named(text), "1")
    own.files["wal/a/00000002/00000002.history/00000002.history"] = b"damaged"
    listing = archived.listing()
    assert listing is not None
    log = Log(archived, listing, "1")
    assert log.names == ["00000003.history"]
    first, third = (dataclasses.replace(CONTENT, timeline=number) for number in (1, 3))
    assert log.reach(first, 1).timeline == log.reach(first, 3).timeline == 1
    assert log.reach(third, 0).timeline == 3
    for timeline in (0, 2):
        with pytest.raises(DamagedError, match="is not what was archived"):
            log.reach(first, timeline)
