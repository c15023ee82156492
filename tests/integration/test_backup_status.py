# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""backup_status and its playbook on a real database, a real directory and a real S3 server."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.integration.repository_places import BucketPlace, DirectoryPlace, Place
from tests.integration.test_backup_prune import Fleet
from tests.integration.test_playbooks import Site
from tests.lab.postgres import Database


@pytest.fixture(params=["directory", "s3"])
def fleet(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Fleet:
    place: Place = DirectoryPlace(tmp_path / "backups")
    if request.param == "s3":
        place = BucketPlace(request.getfixturevalue("object_store"), request.getfixturevalue("bucket"))
    return Fleet(place, tmp_path / "state")


def status(fleet: Fleet, *names: str, **more: t.Any) -> dict[str, t.Any]:
    components = [{"name": name} for name in names]
    arguments = {"repositories": [fleet.place.options], "app": "shop", "components": components, **more}
    return run_module("backup_status", arguments)


def codes(result: dict[str, t.Any], component: str) -> list[str]:
    [found] = [one for one in result["components"] if one["component"] == component]
    return sorted(problem["code"] for problem in found["problems"])


def test_each_component_has_its_own_verdict(fleet: Fleet) -> None:
    for days in (0.1, 1.1, 2.1):
        fleet.add(days, verdict="passed")
        fleet.add(days + 2, component="events")
    fleet.add(0.1, component="cache", verdict="failed")
    result = status(fleet, "codex", "events", "cache", "never")
    assert {one["component"]: one["state"] for one in result["components"]} == {
        "codex": "good", "events": "bad", "cache": "bad", "never": "bad",
    }  # fmt: skip
    assert codes(result, "events") == ["never_proven", "too_old"]
    assert codes(result, "cache") == ["none_good"] and codes(result, "never") == ["never_succeeded"]
    assert (result["state"], result["counts"]["bad"], result["changed"]) == ("bad", 3, False)
    assert "failed" not in result and len(result["components"][0]["sizes"]) == 3
    assert status(fleet, "codex", fail_on="warning")["state"] == "good"
    refused = status(fleet, "codex", "events", fail_on="bad")
    assert refused["failed"] and "shop/events: The newest good backup is 2 d" in refused["msg"]


def test_a_damaged_manifest_and_an_unreachable_repository_are_said(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    for days in (1, 2):
        fleet.add(days / 10, verdict="passed")
    damaged = fleet.add(0.3)
    fleet.place.put(f"shop/codex/{damaged}/manifest.json", b"{}")
    (tmp_path / "blocked").write_text("a file where a directory should be", encoding="utf-8")
    both = [fleet.place.options, {"path": str(tmp_path / "blocked" / "backups")}]
    result = status(fleet, "codex", repositories=both)
    assert codes(result, "codex") == ["repository_unreachable", "unreadable"], result["components"]
    assert result["state"] == "warning"
    assert [one["reached"] for one in result["repositories"]] == [True, False]
    lost = status(fleet, "codex", repositories=both[1:], fail_on="unknown")
    assert lost["failed"] and lost["state"] == "unknown" and codes(lost, "codex") == [
        "none_seen", "repository_unreachable",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rpo": "soon"}, "rpo: 'soon' is not a duration."),
        ({"components": [{"name": "codex", "rto": "1x"}]}, "components[0].rto: '1x' is not a duration."),
        ({"components": [{"name": "a/b"}]}, "components[0].name: 'a/b' cannot name"),
        ({"components": [{"name": "codex"}, {"name": "codex"}]}, "components: codex is named twice."),
        ({"components": [{"name": "codex"}], "app": None}, "components are given, and app is not."),
        ({"history": 0}, "history is 0."),
        ({"size_change": 0}, "size_change is 0."),
    ],
)
def test_options_that_cannot_be_right_are_refused(
    tmp_path: pathlib.Path, options: dict[str, t.Any], words: str
) -> None:
    arguments = {"repositories": [{"path": str(tmp_path)}], "app": "shop", **options}
    assert words in run_module("backup_status", arguments)["msg"]


def test_a_certificate_that_cannot_be_read_is_not_called_good(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    for days in (0.1, 1.1):
        fleet.add(days, verdict="passed")
    wanted = [{"name": "database", "path": str(tmp_path / "none.pem")}]
    result = status(fleet, "codex", certificates=wanted, fail_on="unknown")
    assert result["components"][0]["state"] == "good" and result["failed"] and "none.pem" in result["msg"]
    assert result["certificates"][0]["state"] == result["state"] == "unknown"
    both = [{"name": "database", "path": "/a", "host": "b", "port": 1}]
    assert "mutually exclusive" in status(fleet, "codex", certificates=both)["msg"]


def test_the_playbook_shows_a_table_writes_a_page_and_ends_with_a_status(
    tmp_path: pathlib.Path, database: Database
) -> None:
    site = Site(tmp_path, database.dsn())
    site.plan["watch"] = {"database_health": True}
    page, document = tmp_path / "status.html", tmp_path / "status.json"
    options = ("-e", f"backup_status_page={page}", "-e", f"backup_status_json={document}")
    never = site.play("backup_status", *options)
    assert never.returncode == 2 and "There is no backup." in never.stdout, never.stdout + never.stderr
    assert [site.changes("backup_run"), site.changes("restore_rehearsal")] == [1, 1]
    played = site.play("backup_status", *options, "-e", "backup_status_fail_on=bad")
    assert played.returncode == 0 and "changed=0" in played.stdout, played.stdout + played.stderr
    assert "WARNING  shop/codex" in played.stdout and "1 component: 1 warning." in played.stdout
    assert site.play("backup_status", "-e", "backup_status_fail_on=warning").returncode == 2
    told = json.loads(document.read_text(encoding="utf-8"))
    [component] = told["components"]
    assert [problem["code"] for problem in component["problems"]] == ["too_few"]
    [itself] = told["databases"]
    assert itself["component"] == "codex" and itself["bytes"] > 0, itself
    assert component["restore_seconds"] > 0 and component["last_good"]["plain_bytes"] > 0
    assert "shop/codex" in page.read_text(encoding="utf-8") and page.stat().st_mode & 0o777 == 0o600
