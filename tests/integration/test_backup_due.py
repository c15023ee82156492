# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""backup_due on a real directory and a real S3 server: one look finds what needs a backup, and whatever is odd does."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.integration.repository_places import BucketPlace, DirectoryPlace, Place
from tests.integration.test_backup_prune import Fleet, backup_id


@pytest.fixture(params=["directory", "s3"])
def fleet(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Fleet:
    place: Place = DirectoryPlace(tmp_path / "backups")
    if request.param == "s3":
        place = BucketPlace(request.getfixturevalue("object_store"), request.getfixturevalue("bucket"))
    return Fleet(place, tmp_path / "state")


def due(fleet: Fleet, *names: str, others: t.Sequence[dict[str, t.Any]] = (), **more: t.Any) -> dict[str, t.Any]:
    components = [{"name": name, "engine": "postgresql", "max_age": "20h"} for name in names]
    arguments = {"repositories": [fleet.place.options, *others], "app": "shop", "components": components, **more}
    return run_module("backup_due", arguments)


def test_only_what_has_a_young_backup_everywhere_is_not_due(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    for component, days in (("young", 0.1), ("old", 1.0), ("ahead", 0.1), ("ahead", -1.0), ("odd", 0.1)):
        fleet.add(days, component=component)
    fleet.place.put(f"shop/odd/{backup_id(0.2)}/manifest.json", b"{}")  # older, and so not read
    fleet.add(0.3, component="broken")
    fleet.place.put(f"shop/broken/{backup_id(0.05)}/manifest.json", b"{}")
    found = due(fleet, "young", "old", "ahead", "odd", "broken", "never")
    assert found["due"] == ["old", "ahead", "broken", "never"] and found["changed"] is False
    assert [one["name"] for one in found["young"]] == ["young", "odd"]
    assert found["young"][0]["backup_id"] == backup_id(0.1)
    elsewhere = {"path": str(tmp_path / "elsewhere")}
    assert due(fleet, "young", others=[elsewhere])["due"] == ["young"], "the second repository has no copy"
    components = [{"name": "young", "engine": "redis", "max_age": "20h"}, {"name": "odd", "engine": "postgresql"}]
    assert due(fleet, components=components)["due"] == ["young", "odd"], "another store, and no max_age"


def test_what_is_not_due_tells_prometheus_of_itself(tmp_path: pathlib.Path) -> None:
    fleet = Fleet(DirectoryPlace(tmp_path / "backups"), tmp_path / "state")
    fleet.add(0.1, size=123)
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    due(fleet, "codex", "never", metrics={"dir": str(metrics)})
    [written] = metrics.iterdir()
    text = written.read_text(encoding="utf-8")
    assert 'backup_size_bytes{app="shop",component="codex",engine="postgresql"} 123' in text
    assert "backup_last_status" in text


def test_a_repository_that_cannot_be_read_makes_everything_due(tmp_path: pathlib.Path) -> None:
    fleet = Fleet(DirectoryPlace(tmp_path / "backups"), tmp_path / "state")
    fleet.add(0.1)
    (tmp_path / "file").write_text("")
    assert due(fleet, "codex", others=[{"path": str(tmp_path / "file")}])["due"] == ["codex"]
