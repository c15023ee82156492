# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every backup does, whatever the store, seen with the smallest engines that there can be."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._engine import Engine, Look, Part, Saved
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest, Reference
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import (
    BackupSession,
    Destination,
    back_up,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.repetitions import examples
from tests.unit.mock_repository import MockRepository

TAKEN_AT = datetime.datetime(2026, 1, 15, 2, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True)
class Facts:
    """The content of a small store."""

    keys: int


class StreamEngine(Engine[Look]):
    """A stream of bytes with facts: the least that an engine does."""

    name = "small"
    pieces: t.Sequence[bytes] = (b"one", b"two")

    def look(self, last: Manifest | None) -> Look:
        return Look(6)

    def planned(self, look: Look) -> dict[str, t.Any]:
        return {"needed_bytes": look.needed_bytes}

    def save(self, look: Look, session: BackupSession) -> Saved:
        artifact = session.store(Part("dump.bin", "whole", iter(self.pieces), look.needed_bytes))
        by_hand = [f"{session.opened(artifact)} > dump.bin"]
        return Saved(Facts(2), TAKEN_AT, tool_versions={"small": "1.0"}, by_hand=by_hand)

    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        return {"keys": manifest.content["keys"]}


class ReferenceEngine(StreamEngine):
    """What another system keeps."""

    def save(self, look: Look, session: BackupSession) -> Saved:
        return Saved(Facts(2), TAKEN_AT, reference=Reference("restic", "ab12"), by_hand=["restic restore ab12"])


def taken(engine: StreamEngine, folder: pathlib.Path, *repositories: MockRepository) -> tuple[Manifest, dict[str, str]]:
    destination = Destination(
        "shop", "keys", repositories, open_compressor({"engine": "gzip"}), open_cipher({"engine": "none"})
    )
    look = engine.look(None)
    manifest, result = back_up(engine, look, destination, str(folder / "shop@keys@"), Progress(None, ""))
    return manifest, result.failed


def engine(kind: type[StreamEngine] = StreamEngine) -> StreamEngine:
    return kind({}, lambda words: None)


def test_a_stream_with_facts_becomes_a_backup_that_every_repository_holds(tmp_path: pathlib.Path) -> None:
    first, second = MockRepository("first"), MockRepository("second")
    manifest, failed = taken(engine(), tmp_path, first, second)
    assert failed == {} and manifest.repositories == ("first", "second")
    assert set(first.files) == {f"{manifest.folder}/manifest.json", f"{manifest.folder}/dump.bin.gz"}
    assert _manifest.load(first.files[f"{manifest.folder}/manifest.json"], "m") == manifest
    assert first.files == second.files
    assert (manifest.engine, manifest.content, manifest.snapshot_at) == ("small", {"keys": 2}, _manifest.iso(TAKEN_AT))
    assert manifest.artifacts[0].plain_bytes == 6 and manifest.tool_versions["small"] == "1.0"
    check, restore = manifest.restore_by_hand
    assert check.endswith("sha256sum --check") and restore == "cat dump.bin.gz | gzip --decompress --stdout > dump.bin"
    assert list(tmp_path.iterdir()) == []  # no journal is left


def test_a_reference_is_a_backup_without_files_of_ours(tmp_path: pathlib.Path) -> None:
    repository = MockRepository()
    manifest, _failed = taken(engine(ReferenceEngine), tmp_path, repository)
    assert set(repository.files) == {f"{manifest.folder}/manifest.json"}
    assert manifest.reference == Reference("restic", "ab12") and manifest.artifacts == ()
    assert manifest.restore_by_hand == ("restic restore ab12",)
    assert manifest.encoding == _manifest.Encoding("none", "none")


def test_an_engine_that_fails_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    class Failing(StreamEngine):
        def save(self, look: Look, session: BackupSession) -> Saved:
            super().save(look, session)
            raise SourceError("The server went away.")

    repository = MockRepository()
    with pytest.raises(SourceError, match="went away"):
        taken(engine(Failing), tmp_path, repository)
    assert repository.files == {} and repository.unfinished == {} and list(tmp_path.iterdir()) == []


def test_a_repository_that_fails_does_not_cost_the_others_their_copy(tmp_path: pathlib.Path) -> None:
    good, bad = MockRepository("good"), MockRepository("bad")
    bad.fails.add("write")
    manifest, failed = taken(engine(), tmp_path, good, bad)
    assert manifest.repositories == ("good",) and set(failed) == {"bad"} and bad.files == {}
    good.fails.add("probe")
    with pytest.raises(RepositoryError):
        taken(engine(), tmp_path, good)


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(10))
def test_files_that_threads_store_side_by_side_are_all_in_the_manifest(
    tmp_path: pathlib.Path, contents: list[bytes]
) -> None:
    class Parallel(StreamEngine):
        def save(self, look: Look, session: BackupSession) -> Saved:
            def work(number: int) -> None:
                session.store(Part(f"{number}", "data", iter([contents[number]]), 1, hash_plain=number % 2 == 0))

            threads = [threading.Thread(target=work, args=(number,)) for number in range(len(contents))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return Saved(Facts(0), TAKEN_AT)

    manifest, _failed = taken(engine(Parallel), tmp_path, MockRepository())
    assert [artifact.name for artifact in manifest.artifacts] == [f"{number}.gz" for number in range(len(contents))]
    assert [artifact.plain_bytes for artifact in manifest.artifacts] == [len(content) for content in contents]
    assert all(bool(a.plain_sha256) == (number % 2 == 0) for number, a in enumerate(manifest.artifacts))
