# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proofs of backups of files: what is good passes, and each kind of damage comes back red."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shlex
import shutil
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest

from tests.integration.paths_place import PASSWORD, RESTIC, PathsPlace
from tests.integration.proofs import ends_in_a_report, says_that_nothing_was_compared


def _check(result: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    found: dict[str, t.Any] = next(check for check in result["checks"] if check["id"] == name)
    return found


def _turn_a_bit(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def _rewrite(place: PathsPlace, change: t.Callable[[_manifest.Manifest], _manifest.Manifest]) -> None:
    (path,) = place.manifests()
    path.write_bytes(_manifest.dump(change(_manifest.load(path.read_bytes(), "manifest"))))


@pytest.mark.parametrize("profile", ["artifact", "quick", "full"])
def test_a_good_backup_passes_and_every_damaged_copy_is_refused(
    paths_copy: PathsPlace, profile: str, tmp_path: pathlib.Path
) -> None:
    result = paths_copy.verify(profile=profile, restic_read_data_subset="100%", report_dir=str(tmp_path / "reports"))
    assert result["verdict"] == "passed", result.get("msg")
    assert {check["status"] for check in result["checks"]} == {"passed"}
    controls = {control["id"]: control["status"] for control in result["controls"]}
    assert set(controls.values()) == {"passed"}
    asked = {"artifact": {"control.pack"}, "quick": {"control.byte", "control.lost"}}
    assert asked.get(profile, asked["artifact"] | asked["quick"]) <= set(controls)
    assert not list(tmp_path.glob("lifeboat-scratch-*"))
    report = json.loads(pathlib.Path(result["report_files"]["json"]).read_text())
    assert report["source"]["engine"] == "restic"
    assert report["restore_by_hand"]
    if profile != "artifact":
        assert report["parts"][0]["count_expected"] == 11
        assert "(seed 2" in _check(result, "content.sample")["message"], "so that it can be repeated"


def test_the_same_seed_takes_the_same_files(paths_copy: PathsPlace) -> None:
    names = []
    for seed in ("a", "a", "b"):
        reports = paths_copy.folder / "reports"
        result = paths_copy.verify(
            profile="quick", restic_sample_files=4, restic_sample_seed=seed, report_dir=str(reports)
        )
        report = json.loads(pathlib.Path(result["report_files"]["json"]).read_text())
        sample = next(check for check in report["checks"] if check["id"] == "content.sample")
        names.append([item["name"] for item in sample["items"]])
    assert names[0] == names[1] != names[2]
    assert len(names[0]) == 4


def test_without_hashes_of_ours_a_proof_says_whose_they_are(paths_place: PathsPlace) -> None:
    assert paths_place.back_up(fingerprint="none")["artifacts"] == []
    result = paths_place.verify(profile="full")
    assert result["verdict"] == "passed"
    assert "restic's own hashes, as the backup recorded none" in _check(result, "content.sample")["title"]
    controls = {control["id"]: control["status"] for control in result["controls"]}
    assert controls == {"control.byte": "skipped", "control.lost": "skipped", "control.pack": "passed"}


def test_a_snapshot_that_somebody_removed_is_red(paths_copy: PathsPlace) -> None:
    paths_copy.restic("forget", "--prune", paths_copy.snapshots()[0]["id"])
    for profile in ("artifact", "quick"):
        result = paths_copy.verify(profile=profile)
        assert result["failed"] and result["verdict"] == "failed"
        assert "somebody removed it" in _check(result, "artifact.snapshot")["message"]
    restored = paths_copy.restore(paths_copy.folder / "out")
    assert restored["failed"] and "somebody removed it" in restored["msg"]


def test_a_damaged_pack_is_red_and_nothing_of_it_is_put_in_place(paths_copy: PathsPlace) -> None:
    packs = [path for path in pathlib.Path(paths_copy.restic_repository, "data").rglob("*") if path.is_file()]
    _turn_a_bit(max(packs, key=lambda path: path.stat().st_size))
    result = paths_copy.verify(profile="artifact", restic_read_data_subset="100%")
    assert result["verdict"] == "failed" and _check(result, "artifact.restic")["status"] == "failed"
    result = paths_copy.verify(profile="quick")
    assert result["verdict"] == "failed" and _check(result, "restore.restore")["status"] == "failed"
    restored = paths_copy.restore(paths_copy.folder / "out")
    assert restored["failed"] and "restic failed" in restored["msg"]
    assert not list(paths_copy.folder.glob("out*"))


def test_another_content_of_the_same_size_is_red(paths_place: PathsPlace) -> None:
    """restic's repository is sound, and its snapshot holds something else than what was read at the source."""
    paths_place.back_up(fingerprint="full")
    (paths_place.source / "a").write_text("SOME TEXT", encoding="utf-8")
    paths_place.restic("backup", "--quiet", str(paths_place.source))
    other = paths_place.snapshots()[-1]

    def exchanged(manifest: _manifest.Manifest) -> _manifest.Manifest:
        assert manifest.reference is not None
        facts = {**manifest.reference.facts, "tree": other["tree"]}
        return dataclasses.replace(manifest, reference=_manifest.Reference("restic", other["id"], facts))

    _rewrite(paths_place, exchanged)
    result = paths_place.verify(profile="quick")
    assert result["verdict"] == "failed"
    assert "its content is another one" in _check(result, "content.sample")["message"]
    restored = paths_place.restore(paths_place.folder / "out")
    assert restored["failed"] and "did not come back as it was" in restored["msg"]
    assert not list(paths_place.folder.glob("out*"))


def test_a_manifest_of_another_tree_is_red(paths_copy: PathsPlace) -> None:
    def other_tree(manifest: _manifest.Manifest) -> _manifest.Manifest:
        assert manifest.reference is not None
        facts = {**manifest.reference.facts, "tree": "0" * 64}
        return dataclasses.replace(manifest, reference=dataclasses.replace(manifest.reference, facts=facts))

    _rewrite(paths_copy, other_tree)
    result = paths_copy.verify(profile="artifact")
    assert result["verdict"] == "failed" and _check(result, "artifact.snapshot")["status"] == "failed"


def test_a_damaged_list_of_hashes_is_red(paths_copy: PathsPlace) -> None:
    _turn_a_bit(next(paths_copy.manifests()[0].parent.glob("files.jsonl*")))
    result = paths_copy.verify(profile="quick")
    assert result["verdict"] == "failed" and _check(result, "artifact.stored")["status"] == "failed"


def test_another_repository_at_the_same_place_is_red(paths_copy: PathsPlace) -> None:
    os.rename(paths_copy.restic_repository, paths_copy.folder / "old")
    paths_copy.restic("init")
    result = paths_copy.verify(profile="artifact")
    assert result["verdict"] == "failed"
    assert "and the backup is in" in _check(result, "artifact.snapshot")["message"]


def test_a_wrong_password_says_nothing_of_the_backup(paths_copy: PathsPlace) -> None:
    paths_copy.password_file.write_text("wrong")
    for result in (paths_copy.verify(), paths_copy.restore(paths_copy.folder / "out")):
        assert result["failed"] and "does not open" in result["msg"]
        assert "verdict" not in result
    assert not list(paths_copy.manifests()[0].parent.glob("verified/*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"restic_read_data_subset": "some"}, "'some' is not a part of the data"),
        ({"restic_sample_files": 0}, "restic_sample_files is 0"),
        ({"restic_password_file": None}, "restic_password_file is not given"),
        ({"checks": [{"query": "select 1", "value": 1}]}, "query"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(
    paths_stock: PathsPlace, options: dict[str, object], words: str
) -> None:
    result = paths_stock.verify(**options)
    assert result["failed"] and words in result["msg"]


def test_a_file_without_a_byte_and_no_file_at_all_are_proven_too(paths_place: PathsPlace) -> None:
    (paths_place.source / "a").write_text("")
    paths_place.back_up()
    result = paths_place.verify(profile="quick")
    assert result["verdict"] == "passed" and _check(result, "content.sample")["message"].startswith("1 file")
    (paths_place.source / "a").unlink()
    paths_place.back_up()
    result = paths_place.verify(profile="quick")
    assert result["verdict"] == "passed" and _check(result, "content.sample")["status"] == "skipped"


def test_no_secret_stands_in_what_a_proof_says(paths_copy: PathsPlace) -> None:
    log, program = paths_copy.folder / "arguments", paths_copy.folder / "restic-and-log"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{shlex.quote(str(log))}\nexec {shlex.quote(RESTIC)} "$@"\n')
    program.chmod(0o755)
    result = paths_copy.verify(restic_binary=str(program), profile="full")
    assert result["verdict"] == "passed"
    for text in (log.read_text(), json.dumps(result)):
        assert PASSWORD not in text
    assert "check" in log.read_text() and paths_copy.restic_repository not in log.read_text()


def test_a_backup_of_an_empty_folder_is_not_called_compared(paths_place: PathsPlace) -> None:
    shutil.rmtree(paths_place.source)
    paths_place.source.mkdir()
    assert "holds no file at all" in str(paths_place.back_up().get("warnings"))
    for profile in ("quick", "full"):
        says_that_nothing_was_compared("paths", paths_place.verify(profile=profile))


def test_a_restic_that_dies_in_a_proof_leaves_a_report(paths_stock: PathsPlace, scratch_base: pathlib.Path) -> None:
    checks = ends_in_a_report("paths", paths_stock.verify, scratch_base, "restic")
    assert checks["artifact.stored"] == "passed" and checks["restore.restore"] == "failed"
