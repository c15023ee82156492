# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an incremental backup builds on: PostgreSQL's manifest is found as the tar passes, and chains are whole."""

from __future__ import annotations

import dataclasses
import datetime
import io
import tarfile
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Proof
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _incremental, _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._content import PhysicalContent
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._incremental import ManifestWatcher
from ansible_collections.lifeboat.dr.plugins.module_utils._work._backup_run import doubt

MANIFEST = b'{ "PostgreSQL-Backup-Manifest-Version": 2 }\n' * 50


def archive(*, with_manifest: bool = True) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        files = [("base/1/1", b"x" * 8192), ("empty", b""), ("base/1/backup_manifest", b"not this one")]
        for name, content in [*files, *([("backup_manifest", MANIFEST)] if with_manifest else [])]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


@pytest.mark.parametrize("size", [1, 100, 512, 513, 1 << 20])
def test_postgresqls_manifest_is_kept_as_the_tar_passes_in_pieces_of_any_size(size: int) -> None:
    whole = archive()
    watcher = ManifestWatcher(whole[at : at + size] for at in range(0, len(whole), size))
    assert b"".join(watcher) == whole
    assert bytes(watcher.manifest) == MANIFEST
    none = ManifestWatcher(iter([archive(with_manifest=False)]))
    assert b"".join(none) and not none.manifest


def backup(name: str, prior: str = "") -> t.Any:
    content = PhysicalContent(
        server_version="18.4", major=18, system_identifier="1", timeline=1, start_lsn="0/2000028", stop_lsn="0/2000138",
        stopped_at="2026-01-15T14:30:00+00:00", segment_bytes=16 << 20, archive="a", first_segment="", last_segment="",
        superuser="postgres", data_checksums=True, prior=prior,
    )  # fmt: skip
    return types.SimpleNamespace(backup_id=name, manifest=types.SimpleNamespace(content=to_plain(content)))


def test_a_chain_is_followed_to_its_full_backup_and_a_hole_or_a_circle_in_it_is_damage() -> None:
    full, first, second = backup("full"), backup("first", "full"), backup("second", "first")
    assert _plan.chain_of(second, [second, full, first]) == [full, first, second]
    assert _plan.chain_of(full, [second]) == [full]
    with pytest.raises(DamagedError, match="second is an incremental backup that builds on full"):
        _plan.chain_of(second, [second, first])
    with pytest.raises(DamagedError):
        _plan.chain_of(second, [second, backup("first", "second")])


def stored(*places: str, verdict: str = "") -> t.Any:
    proofs = [Proof("2026-01-15T15:00:00Z", verdict, "quick")] if verdict else []
    repositories = [types.SimpleNamespace(name=place) for place in places]
    return types.SimpleNamespace(backup_id="last", proofs=proofs, repositories=repositories)


def test_nothing_builds_on_a_backup_that_one_repository_lacks_or_that_could_not_be_proven() -> None:
    """What builds on it would be worth nothing there when the other repository is gone."""
    assert doubt(stored("a", "b"), ["a", "b"]) == "" == doubt(stored("a", "b", verdict="passed"), ["a"])
    assert doubt(stored("a"), ["a", "b"]) == "the last backup, last, is not in b."
    assert "could not be proven" in doubt(stored("a", "b", verdict="failed"), ["a", "b"])


def test_a_doubt_makes_a_full_backup_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_incremental, "_why_not", lambda *_arguments: "")
    monkeypatch.setattr(_incremental, "_content", lambda last: _plan.content_of(backup("last")))
    said: list[str] = []

    def builds_on(kind: str, why: str) -> t.Any:
        options = {"kind": kind, "state_dir": "/s", "app": "a", "component": "c"}
        cluster = _incremental.Cluster(18, "1", 1, "a")
        manifest = types.SimpleNamespace(backup_id="last", content=backup("last").manifest.content)
        return _incremental.choose(options, t.cast(t.Any, manifest), cluster, t.cast(t.Any, None), said.append, why)

    assert builds_on("auto", "").backup_id == "last" and not said
    assert builds_on("auto", "it is not in b.") is None
    assert said == ["A full backup is taken, as it is not in b."]
    with pytest.raises(OptionError, match="kind is incremental, and it is not in b"):
        builds_on("incremental", "it is not in b.")


@pytest.mark.parametrize("hours, why", [(-2, "is from the future"), (0, ""), (200, "is older than full_max_age")])
def test_a_full_backup_of_the_future_is_not_young(hours: int, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours)
    content = dataclasses.replace(_plan.content_of(backup("last")), stopped_at=began.isoformat())
    monkeypatch.setattr(_incremental, "_content", lambda last: content)
    monkeypatch.setattr(_incremental, "query", lambda cursor, text, *_more: [(False,)] if "own" in text else [("on",)])
    monkeypatch.setattr(_incremental.os.path, "isfile", lambda path: True)
    options = {"kind": "auto", "state_dir": "/s", "app": "a", "component": "c", "full_max_age": "7d"}
    cluster = _incremental.Cluster(18, "1", 1, "a")
    found = _incremental._why_not(options, t.cast(t.Any, backup("last")), cluster, t.cast(t.Any, None))
    assert why in found and bool(found) == bool(why)
