# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""paths_backup with a real restic: what it takes, what it leaves out, what it says, and that nothing secret is told."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import subprocess

import pytest

from tests.integration import paths_place
from tests.integration.paths_place import PASSWORD, RESTIC, PathsPlace, described, new_place
from tests.integration.repository_places import SECRET
from tests.lab import throwaway
from tests.lab.objectstore import ObjectStore


def test_a_backup_is_a_snapshot_of_restic_and_a_manifest_that_refers_to_it(paths_stock: PathsPlace) -> None:
    (snapshot,) = paths_stock.snapshots()
    manifest = json.loads(paths_stock.manifests()[0].read_text())
    assert manifest["reference"]["system"] == "restic"
    assert manifest["reference"]["id"] == snapshot["id"]
    assert manifest["reference"]["facts"]["tree"] == snapshot["tree"]
    assert manifest["reference"]["facts"]["repository"] == paths_stock.restic_repository
    content = manifest["content"]
    assert content["paths"] == [str(paths_stock.source)]
    files = [path for path in paths_stock.source.rglob("*") if path.is_file() and not path.is_symlink()]
    assert content["files"] == len(files)
    assert content["bytes"] == sum(path.stat().st_size for path in files)
    assert content["others"] == 3, "two symbolic links and a pipe"
    assert content["unnamed_files"] == 1
    assert content["hashed_files"] == len(files) - 1
    assert f"backup={manifest['backup_id']}" in snapshot["tags"]
    assert [artifact["content"] for artifact in manifest["artifacts"]] == ["hashes"]
    names = [path.name for path in paths_stock.manifests()[0].parent.iterdir()]
    assert sorted(names) == ["files.jsonl.zst.age", "manifest.json"]


def test_a_young_backup_is_enough(paths_place: PathsPlace) -> None:
    first = paths_place.back_up(max_age="1h")
    again = paths_place.back_up(max_age="1h")
    assert first["changed"] and not again["changed"]
    assert again["backup_id"] == first["backup_id"]
    assert again["snapshot_id"] == first["snapshot_id"]
    assert len(paths_place.snapshots()) == 1


def test_check_mode_says_what_restic_would_store_and_stores_nothing(paths_place: PathsPlace) -> None:
    paths_place.back_up()
    (paths_place.source / "b").write_bytes(b"x" * 1000)
    result = paths_place.back_up(check_mode=True)
    planned = result["planned"]
    assert result["changed"]
    assert (planned["files_new"], planned["files_unmodified"], planned["bytes"]) == (1, 1, 1009)
    assert 1000 <= planned["data_added"] < 10000
    assert planned["earlier_snapshots"] == 1
    assert result["diff"]["after"] == "newest backup: a new backup\n"
    assert len(paths_place.snapshots()) == len(paths_place.manifests()) == 1


def test_a_restic_repository_is_made_only_where_that_is_asked_for(tmp_path: pathlib.Path) -> None:
    place = new_place(tmp_path, None)
    (place.source / "a").touch()
    refused = place.back_up()
    assert refused["failed"] and "init: true" in refused["msg"]
    planned = place.back_up(init=True, check_mode=True)["planned"]
    assert planned["init"] and "files_new" not in planned
    assert not pathlib.Path(place.restic_repository).exists()
    assert place.back_up(init=True)["files"] == 1
    os.rename(place.restic_repository, tmp_path / "not mounted")
    lost = place.back_up(init=True)
    assert lost["failed"] and "Is it mounted" in lost["msg"]
    assert not pathlib.Path(place.restic_repository).exists()


def test_a_restic_repository_that_was_there_before_is_used_as_it_is(paths_place: PathsPlace) -> None:
    paths_place.restic("backup", "--quiet", "--host", "old-host", str(paths_place.source))
    paths_place.restic("backup", "--quiet", str(paths_place.password_file))
    before = paths_place.snapshots()
    result = paths_place.back_up()
    assert result["earlier_snapshots"] == 1
    assert result["earlier"][0].startswith(before[0]["short_id"]) and result["earlier"][0].endswith("old-host")
    assert result["data_added"] < 5000, "the content was there"
    assert paths_place.snapshots()[:2] == before


def test_what_is_left_out_is_what_restic_leaves_out(paths_place: PathsPlace) -> None:
    source = paths_place.source
    for name in ("keep.txt", "drop.tmp", "listed", "cache/CACHEDIR.TAG", "cache/x", "skip/.nobackup", "skip/x", ".env"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("Signature: 8a477f597d28d172789f06886806bc55")
    (source / "large").write_bytes(bytes(2 << 20))
    patterns = paths_place.folder / "patterns"
    patterns.write_text("listed\n")
    result = paths_place.back_up(
        paths=[],
        include=[f"{source}/*", f"{paths_place.folder}/[p]atterns"],
        exclude=["*.tmp"],
        exclude_files=[str(patterns)],
        exclude_if_present=[".nobackup"],
        exclude_larger_than="1M",
        exclude_caches=True,
        one_file_system=True,
        tags=["nightly"],
        host="shop.example.org",
    )
    (snapshot,) = paths_place.snapshots()
    stored = paths_place.restic("ls", "latest").splitlines()
    kept = {path.removeprefix(f"{source}/") for path in stored if path.startswith(f"{source}/")}
    assert {"a", "keep.txt", ".env"} <= kept
    assert not kept & {"drop.tmp", "listed", "cache/x", "skip/x", "large"}
    assert str(patterns) in stored
    assert result["files"] == len([path for path in stored if os.path.isfile(path)])
    assert snapshot["hostname"] == "shop.example.org"
    assert {"app=shop", "component=files", "nightly"} <= set(snapshot["tags"])


def test_the_commands_of_the_manifest_restore_everything_as_they_are_printed(
    paths_stock: PathsPlace, tmp_path: pathlib.Path
) -> None:
    manifest = json.loads(paths_stock.manifests()[0].read_text())
    for path in paths_stock.manifests()[0].parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    programs = tmp_path / "bin"
    programs.mkdir()
    os.symlink(RESTIC, programs / "restic")
    environment = throwaway.base_environment({"HOME": str(tmp_path)})
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    for command in manifest["restore_by_hand"]:
        subprocess.run(command, shell=True, check=True, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    assert described(f"{tmp_path}/restored/{paths_stock.source}") == described(paths_stock.source)


def test_no_secret_stands_in_arguments_results_or_manifests(paths_place: PathsPlace) -> None:
    log, program = paths_place.folder / "arguments", paths_place.folder / "restic-and-log"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{shlex.quote(str(log))}\nexec {shlex.quote(RESTIC)} "$@"\n')
    program.chmod(0o755)
    results = [
        paths_place.back_up(restic_binary=str(program)),
        paths_place.restore(paths_place.folder / "out", restic_binary=str(program)),
    ]
    assert not any(result.get("failed") for result in results)
    arguments = log.read_text()
    assert "backup" in arguments and "restore" in arguments
    for text in (arguments, json.dumps(results), paths_place.manifests()[0].read_text()):
        assert PASSWORD not in text
    assert paths_place.restic_repository not in arguments
    refused = paths_place.back_up(restic_repository="rest:https://user:secret@backup.example.org/")
    assert refused["failed"] and "restic_repository names a user or a password" in refused["msg"]


def test_s3_holds_the_restic_repository_as_well(tmp_path: pathlib.Path, object_store: ObjectStore, bucket: str) -> None:
    place = new_place(tmp_path, None)
    place.restic_repository = f"s3:{object_store.endpoint_url}/{bucket}/files"
    place.environment = {**object_store.environment, "AWS_SECRET_ACCESS_KEY": SECRET}
    paths_place.fill(place.source)
    result = place.back_up(init=True)
    assert result["restic_repository"] == place.restic_repository
    restored = place.restore(tmp_path / "out")
    assert restored["compared_files"] == result["hashed_files"]
    assert described(f"{tmp_path}/out{place.source}") == described(place.source)
    assert SECRET not in json.dumps([result, restored]) + place.manifests()[0].read_text()


def test_twenty_thousand_small_files(paths_place: PathsPlace) -> None:
    for number in range(20_000):
        if number % 1000 == 0:
            (paths_place.source / f"{number // 1000}").mkdir()
        (paths_place.source / f"{number // 1000}" / f"{number}").write_text(f"file {number}")
    result = paths_place.back_up(fingerprint="full")
    assert result["files"] == result["hashed_files"] == 20_001
    assert paths_place.restore(paths_place.folder / "out")["compared_files"] == 20_001


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"paths": []}, "Neither paths nor include"),
        ({"paths": ["relative/path"]}, "'relative/path' is not an absolute path"),
        ({"paths": ["/nowhere/at/all"]}, "/nowhere/at/all is not there"),
        ({"restic_repository": "somewhere"}, "neither the absolute path of a folder nor a location"),
        ({"restic_repository": None}, "restic_repository is not given"),
        ({"restic_password_file": None}, "restic_password_file is not given"),
        ({"restic_password_file": "/nowhere"}, "restic_password_file: /nowhere does not open"),
        ({"restic_password_file": "/dev/null"}, "an empty password is not"),
        ({"restic_binary": "/nowhere/restic"}, "The program /nowhere/restic is not on this host"),
        ({"restic_binary": "/bin/true"}, "/bin/true is not restic"),
        ({"exclude_larger_than": "big"}, "'big' is not a size"),
        ({"tags": ["a,b"]}, "'a,b' cannot be one tag"),
        ({"restic_lock_timeout": "soon"}, "restic_lock_timeout"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(
    paths_place: PathsPlace, options: dict[str, object], words: str
) -> None:
    result = paths_place.back_up(**options)
    assert result["failed"]
    assert words in result["msg"]
    assert not paths_place.manifests()


def test_a_symbolic_link_is_refused_since_restic_would_keep_it_alone(paths_place: PathsPlace) -> None:
    link = paths_place.folder / "current"
    os.symlink(paths_place.source, link)
    for path in (link, link / "a"):
        result = paths_place.back_up(paths=[str(path)])
        assert result["failed"] and str(paths_place.source) in result["msg"]


def test_a_restic_repository_inside_of_what_is_backed_up_is_refused(paths_place: PathsPlace) -> None:
    result = paths_place.back_up(paths=[str(paths_place.folder)])
    assert result["failed"] and "would hold the ones before" in result["msg"]
    excluded = paths_place.back_up(paths=[str(paths_place.folder)], exclude=[paths_place.restic_repository])
    assert excluded["changed"]
