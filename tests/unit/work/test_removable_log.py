# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files of a log may go: none that a backup of any component needs."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Catalog, Unreadable
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import segment_name
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _archived_log, _backup_prune

from tests.unit.mock_repository import MockRepository

SEGMENT = 16 << 20


def backup(component: str, first: int, archive: str = "shared", engine: str = "postgresql_physical") -> t.Any:
    content = PhysicalContent(
        server_version="17.5", major=17, system_identifier="1", timeline=1, start_lsn=f"0/{first:X}000028",
        stop_lsn=f"0/{first:X}000138", stopped_at="2026-01-15T14:30:00+00:00", segment_bytes=SEGMENT, archive=archive,
        first_segment="", last_segment="", superuser="postgres", data_checksums=True,
    )  # fmt: skip
    manifest = types.SimpleNamespace(app="shop", component=component, engine=engine, content=to_plain(content))
    return types.SimpleNamespace(manifest=manifest)


@pytest.fixture
def repository() -> MockRepository:
    own = MockRepository()
    files = {f"wal/shared/00000001/{segment_name(1, n, SEGMENT)}/{segment_name(1, n, SEGMENT)}": b"" for n in range(9)}
    own.files = {**files, "wal/shared/cluster.json": b'{"system_identifier": "1", "host": "a", "claimed_at": "x"}'}
    assert WalArchive("shared", [own]).listing() is not None
    return own


def indexes(found: t.Mapping[str, t.Any]) -> list[int]:
    return [name.index(SEGMENT) for name in found["shared"]]


def test_the_log_that_a_backup_of_another_component_needs_stays(repository: MockRepository) -> None:
    def removable(others: t.Callable[[], list[t.Any]], first: int = 5) -> list[int]:
        kept = [backup("cluster", first)]
        return indexes(_archived_log.removable(kept, [repository], lambda words: None, others))

    assert removable(list) == [0, 1, 2, 3, 4]
    assert removable(lambda: [backup("monthly", 2)]) == [0, 1]
    assert removable(lambda: [backup("elsewhere", 2, "other"), backup("dumps", 1, engine="postgresql")]) == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert removable(lambda: pytest.fail("asked though nothing would go"), 0) == []


def test_a_component_whose_newest_manifest_cannot_be_read_may_need_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    unreadable = (Unreadable("r", "shop/monthly/20260115T143000Z-aaaaaa", "cut"),)

    def catalog(_repositories: t.Any, app: str = "", component: str = "", newest: int = 0) -> Catalog:
        if newest:
            return Catalog((backup("cluster", 5), backup("weekly", 2), backup("dumps", 1, engine="postgresql")), bad)
        return Catalog((backup(component, 3), backup(component, 4)), bad if component == "monthly" else ())

    bad: tuple[Unreadable, ...] = ()
    monkeypatch.setattr(_backup_prune, "read_catalog", catalog)
    found = _backup_prune._of_others([], ("shop", "cluster"))
    assert [one.manifest.component for one in found] == ["weekly", "weekly"]
    bad = unreadable
    with pytest.raises(LifeboatError, match="shop/monthly/.* may need it"):
        _backup_prune._of_others([], ("shop", "cluster"))
