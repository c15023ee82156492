# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of a log that lies in two repositories: each of them has to do when the other one is gone."""

from __future__ import annotations

import json
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import Cluster, Listing
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import segment_name
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _archived_log

from tests.unit.mock_repository import MockRepository

SEGMENT = 16 << 20


def name(index: int) -> str:
    return segment_name(1, index, SEGMENT)


def repository(called: str, indexes: t.Iterable[int]) -> MockRepository:
    files = {f"wal/a/00000001/{name(index)}/{name(index)}": b"" for index in indexes}
    claimed = {"wal/a/cluster.json": b'{"system_identifier": "1", "host": "h", "claimed_at": "x"}'} if files else {}
    return MockRepository(called, {**files, **claimed})


def base_backup(start: int, *repositories: MockRepository) -> t.Any:
    content = PhysicalContent(
        server_version="17.5", major=17, system_identifier="1", timeline=1, start_lsn=f"0/{start}000028",
        stop_lsn=f"0/{start}000138", stopped_at="2026-01-15T14:30:00+00:00", segment_bytes=SEGMENT, archive="a",
        first_segment=name(start), last_segment=name(start + 1), superuser="postgres", data_checksums=True,
    )  # fmt: skip
    manifest = types.SimpleNamespace(
        app="shop", component="cluster", engine="postgresql_physical", content=to_plain(content)
    )
    return types.SimpleNamespace(backup_id="b" * start, manifest=manifest, repositories=repositories)


def window(*repositories: MockRepository) -> dict[str, t.Any]:
    (found,) = _archived_log.windows([base_backup(2, *repositories)], repositories, lambda words: None)
    assert found["backups"] == ["bb"] and not found["unusable"]
    return found


def missing(*repositories: MockRepository) -> list[str]:
    return list(window(*repositories)["missing"])


@pytest.mark.parametrize("there", [[2, 3, 4, 6, 7], [2, 3, 4, 6]])
def test_a_hole_in_one_of_two_repositories_is_a_hole(there: list[int]) -> None:
    """With min_copies a repository is passed by, and nothing was ever said of it again."""
    assert missing(repository("one", range(2, 8)), repository("two", there)) == [f"{name(5)} in two"]
    assert missing(repository("one", there), repository("two", range(2, 8))) == [f"{name(5)} in one"]


@pytest.mark.parametrize("places", [("one",), ("one", "two")])
def test_a_hole_is_behind_the_cluster_when_there_is_a_new_base_backup(places: tuple[str, ...]) -> None:
    """Else a status stays red for as long as retention keeps the backups before the hole, whatever anybody does."""
    repositories = [repository(place, [2, 3, *range(5, 9)]) for place in places]
    backups = [base_backup(start, *repositories) for start in (6, 2)]
    (before,) = _archived_log.windows(backups[1:], repositories, lambda words: None)
    (after,) = _archived_log.windows(backups, repositories, lambda words: None)
    assert name(4) in before["missing"] and before["missing_ahead"] == before["missing"]
    assert after["missing"] == before["missing"] and after["missing_ahead"] == []


def test_a_repository_that_has_lost_its_log_is_named_though_the_other_has_all_of_it() -> None:
    assert missing(repository("one", range(2, 8)), repository("two", [])) == [f"{name(2)} in two"]
    assert missing(repository("one", range(2, 80)), repository("two", range(2, 9))) == [f"{name(9)} in two"]


def test_what_is_on_its_way_to_the_second_repository_is_no_hole() -> None:
    assert missing(repository("one", range(2, 40)), repository("two", range(2, 9))) == []
    assert missing(repository("one", [2, 3, 4, 5]), repository("two", [2, 3, 4, 5, 6])) == []


def test_a_repository_that_could_not_be_listed_lacks_nothing_that_anybody_knows_of() -> None:
    broken = repository("two", [])
    broken.fails.add("list")
    assert missing(repository("one", range(2, 8)), broken) == []
    assert Listing(Cluster("1", "", ""), {}).lacking([name(2)], "two") == []


@pytest.mark.parametrize("written, to", [("2026-01-15T08:00:00Z", "08"), ("2026-01-15T15:00:00Z", "14"), ("", "14")])
def test_a_log_that_waited_for_hours_reaches_no_further_than_it_was_written(written: str, to: str) -> None:
    """While an archiver caught up, the status said that the log reached to now."""
    own = repository("one", [2])
    about = {"sha256": "", "bytes": 1, "system_identifier": "1", "host": "h", "archived_at": "2026-01-15T14:00:00Z"}
    own.files[f"wal/a/00000001/{name(2)}/about.json"] = json.dumps({**about, "written_at": written}).encode()
    assert window(own)["to"] == f"2026-01-15T{to}:00:00Z"
