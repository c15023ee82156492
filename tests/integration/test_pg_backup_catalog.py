# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pg_backup's idempotence, and backup_info: what repositories hold, and what of it is whole."""

from __future__ import annotations

import datetime
import hashlib
import json
import pathlib
import shutil
import time
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.integration.pg_backup_place import Place, bucket_options
from tests.lab.objectstore import ObjectStore
from tests.lab.postgres import Database


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


def sealed(document: dict[str, t.Any]) -> str:
    """The manifest with a seal that fits, as docs/explanation/manifest.md says."""
    rest = {key: value for key, value in document.items() if key != "seal"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return (
        json.dumps({**rest, "seal": "sha256:" + hashlib.sha256(canonical.encode("ascii")).hexdigest()}, indent=1) + "\n"
    )


def copied_with_another_time(place: Place, result: dict[str, t.Any], moment: datetime.datetime) -> str:
    """A second backup in the repository, the same but for its time. Gives its id."""
    backup_id = f"{moment:%Y%m%dT%H%M%SZ}-abcdef"
    folder = place.backup_folder({**result, "backup_id": backup_id})
    shutil.copytree(place.backup_folder(result), folder)
    document = json.loads((folder / "manifest.json").read_text())
    document |= {
        "backup_id": backup_id,
        **dict.fromkeys(("started_at", "snapshot_at", "finished_at"), f"{moment:%Y-%m-%dT%H:%M:%SZ}"),
    }
    (folder / "manifest.json").write_text(sealed(document))
    return backup_id


def info(place: Place, **more: t.Any) -> dict[str, t.Any]:
    result = run_module("backup_info", {"repositories": [{"path": str(place.repository)}], **more})
    assert not result.get("failed"), result["msg"]
    return result


def test_a_second_run_within_max_age_changes_nothing_and_is_quick(
    database: Database, place: Place, tmp_path: pathlib.Path
) -> None:
    other = {"path": str(tmp_path / "second")}
    both = [{"path": str(place.repository)}, other]
    first = place.back_up(database.dsn(), repositories=both, max_age="20h")
    files = place.files()
    began = time.monotonic()
    second = place.back_up(database.dsn(), repositories=both, max_age="20h")
    assert time.monotonic() - began < 5  # 1.5 s on an idle machine
    assert not second["changed"] and second["backup_id"] == first["backup_id"] and place.files() == files
    same = ("taken_at", "tables", "rows", "stored_bytes", "artifacts", "stored_in", "lsn")
    assert [second[key] for key in same] == [first[key] for key in same]
    shutil.rmtree(other["path"])
    third = place.back_up(database.dsn(), repositories=both, max_age="20h")
    assert third["changed"] and third["stored_in"] == [str(place.repository), other["path"]]
    assert place.back_up(database.dsn(), repositories=both, max_age="0s")["changed"]


def test_check_mode_says_what_it_would_do_and_touches_nothing(database: Database, place: Place) -> None:
    planned = run_module("pg_backup", place.arguments(database.dsn()), check_mode=True)
    assert planned["changed"] and not place.repository.exists() and not place.state.exists()
    assert planned["planned"]["database"] == database.name and planned["planned"]["tables"] > 10
    assert planned["planned"]["needed_bytes"] > 0 and planned["planned"]["tables_bytes"] > 100_000
    assert planned["diff"] == {"before": "newest backup: none\n", "after": "newest backup: a new backup\n"}
    result = place.back_up(database.dsn())
    assert result["diff"]["after"] == f"newest backup: {result['backup_id']}\n"
    unchanged = run_module("pg_backup", place.arguments(database.dsn(), max_age="1h"), check_mode=True)
    assert not unchanged["changed"] and unchanged["backup_id"] == result["backup_id"]


def test_a_backup_from_the_future_is_told_and_does_not_count(database: Database, place: Place) -> None:
    result = place.back_up(database.dsn())
    now = datetime.datetime.now(datetime.UTC)
    future = copied_with_another_time(place, result, now + datetime.timedelta(days=2))
    second = place.back_up(database.dsn(), max_age="1h")
    assert not second["changed"] and second["backup_id"] == result["backup_id"]
    assert any(future in str(warning) and "from the future" in str(warning) for warning in second["warnings"])
    shutil.rmtree(place.backup_folder(result))
    third = place.back_up(database.dsn(), max_age="1h")
    assert third["changed"] and any(future in str(warning) for warning in third["warnings"])


def test_the_catalog_is_listed_and_filtered(
    database: Database, place: Place, object_store: ObjectStore, bucket: str
) -> None:
    repositories = [{"path": str(place.repository)}, bucket_options(object_store, bucket)]
    young = place.back_up(database.dsn(), repositories=repositories)
    place.back_up(database.dsn(), component="other")
    now = datetime.datetime.now(datetime.UTC)
    old = copied_with_another_time(place, young, now - datetime.timedelta(days=9))
    proof = place.backup_folder({**young, "backup_id": old}) / "verified"
    proof.mkdir()
    (proof / "20260101T000000Z.json").write_text(
        '{"verified_at": "2026-01-01T00:00:00Z", "verdict": "passed", "profile": "full"}'
    )

    def ids(**filters: t.Any) -> list[str]:
        result = run_module("backup_info", {"repositories": repositories, **filters})
        assert (
            not result.get("failed")
            and not result["changed"]
            and result["unreadable"] == result["unreachable_repositories"] == []
        ), result
        return [backup["backup_id"] for backup in result["backups"]]

    assert len(ids()) == 3
    assert ids(app="shop", component="codex") == [young["backup_id"], old]
    assert ids(app="shop", component="codex", newer_than="1d") == [young["backup_id"]]
    assert ids(older_than="8d") == ids(verified=True) == [old]
    assert len(ids(verified=False)) == 2 and ids(app="nobody") == []
    listed = run_module("backup_info", {"repositories": repositories, "app": "shop", "component": "codex"})["backups"][
        0
    ]
    assert listed["repositories"] == [str(place.repository), f"s3://{bucket}/lifeboat"]
    assert listed["stored_bytes"] == young["stored_bytes"] and listed["artifacts"] == young["artifacts"]
    tools = listed["tool_versions"]
    assert tools == place.manifest(young)["tool_versions"] and {"pg_dump", "python", "zstandard"} <= set(tools), tools


def test_hashes_find_a_flipped_byte_and_a_cut_artifact_in_the_one_repository(
    database: Database, place: Place, tmp_path: pathlib.Path
) -> None:
    other = {"path": str(tmp_path / "second")}
    result = place.back_up(database.dsn(), repositories=[{"path": str(place.repository)}, other])
    both = {"repositories": [{"path": str(place.repository)}, other], "check_hashes": True}
    assert run_module("backup_info", both)["backups"][0]["damaged"] == []
    whole, roles = place.artifact(result, "whole"), place.artifact(result, "globals")
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    whole.write_bytes(content)
    roles.write_bytes(roles.read_bytes()[:-1])
    damaged = run_module("backup_info", both)["backups"][0]["damaged"]
    assert {item["repository"] for item in damaged} == {str(place.repository)}
    why = {pathlib.Path(item["path"]).name: item["why"] for item in damaged}
    assert "another SHA-256" in why[whole.name] and "it was cut" in why[roles.name]


def test_a_folder_without_a_manifest_is_no_backup(database: Database, place: Place) -> None:
    result = place.back_up(database.dsn())
    (place.backup_folder(result) / "manifest.json").unlink()
    listed = info(place)
    assert listed["backups"] == listed["unreadable"] == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace('"app": "shop"', '"app": "shot"'), "its seal does not match"),
        (lambda text: text[: len(text) // 2], "is not JSON"),
        (lambda text: sealed({**json.loads(text), "schema_version": 99}), "has the schema version 99"),
        (lambda text: sealed({**json.loads(text), "component": "other"}), "put into the wrong folder"),
        (lambda text: sealed({**json.loads(text), "snapshot_at": "yesterday"}), "has the wrong shape"),
        (lambda text: sealed({**json.loads(text), "artifacts": None}), "has the wrong shape"),
        (lambda text: json.dumps({**json.loads(text), "schema_version": 1, "artifacts": ["x"]}), "has the wrong shape"),
        (lambda text: "[]", "its schema is not"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_unreadable_with_its_reason(
    manifest_text: str, tmp_path: pathlib.Path, change: t.Callable[[str], str], why: str
) -> None:
    document = json.loads(manifest_text)
    folder = tmp_path / document["app"] / document["component"] / document["backup_id"]
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(change(manifest_text))
    listed = run_module("backup_info", {"repositories": [{"path": str(tmp_path)}]})
    assert listed["backups"] == [] and [why in item["why"] for item in listed["unreadable"]] == [True], listed


@pytest.fixture(scope="module")
def manifest_text(tmp_path_factory: pytest.TempPathFactory, postgres: t.Any, varied_template: str) -> str:
    """The manifest of a real backup."""
    own = Place(tmp_path_factory.mktemp("manifest"))
    result = own.back_up(postgres.dsn(varied_template), globals="none")
    return (own.backup_folder(result) / "manifest.json").read_text()


def test_a_backup_of_the_first_manifest_version_is_read(database: Database, place: Place) -> None:
    result = place.back_up(database.dsn())
    path = place.backup_folder(result) / "manifest.json"
    document = json.loads(path.read_text())
    del document["seal"]
    document |= {"schema_version": 1, **document.pop("encoding")}
    document["artifacts"] = [
        {("role" if key == "content" else key): value for key, value in artifact.items()}
        for artifact in document["artifacts"]
    ]
    path.write_text(json.dumps(document))
    backup = info(place, check_hashes=True)["backups"][0]
    assert (backup["backup_id"], backup["compression"], backup["damaged"]) == (result["backup_id"], "zstd", [])
    assert backup["artifacts"] == result["artifacts"]
    assert not place.back_up(database.dsn(), max_age="1h")["changed"]
