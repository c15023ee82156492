# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests: what is written is read back, what was changed is refused, and version 1 is still read."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import (
    Artifact,
    Encoding,
    Manifest,
    Reference,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import _paths
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

VERSION_1 = pathlib.Path(__file__).parent / "fixtures" / "manifest_v1.json"
TEXT = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MOMENTS = st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2100, 1, 1), timezones=st.just(datetime.UTC))
MANIFESTS = st.builds(
    Manifest,
    *[TEXT] * 4,
    *[MOMENTS.map(_manifest.iso)] * 3,
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=2),
    st.builds(Encoding, TEXT, TEXT, st.lists(TEXT, max_size=2).map(tuple)),
    st.lists(st.builds(Artifact, TEXT, TEXT, st.integers(0), st.integers(0), TEXT, TEXT), max_size=3).map(tuple),
    st.dictionaries(TEXT, JSON, max_size=3),
    st.lists(TEXT, max_size=2).map(tuple),
    st.lists(TEXT, max_size=2).map(tuple),
    st.none() | st.builds(Reference, TEXT, TEXT, st.dictionaries(TEXT, JSON, max_size=3)),
)


def a_manifest() -> Manifest:
    time = "2026-01-15T02:00:00Z"
    artifacts = (Artifact("a", "whole", 10, 4, "ab"), Artifact("b", "globals", 5, 3, "cd", "ef"))
    return Manifest(
        "shop",
        "codex",
        "20260115T020000Z-3f9a2c",
        "postgresql",
        time,
        time,
        time,
        "db1",
        {},
        Encoding("zstd", "none"),
        artifacts,
        {},
    )


def places(value: t.Any, place: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*place, key)
        yield from places(item, (*place, key))


def edited(document: dict[str, t.Any], place: tuple[t.Any, ...], edit: t.Callable[[t.Any, t.Any], None]) -> bytes:
    changed = copy.deepcopy(document)
    parent: t.Any = changed
    for key in place[:-1]:
        parent = parent[key]
    edit(parent, place[-1])
    return json.dumps(changed).encode()


def put(value: t.Any) -> t.Callable[[t.Any, t.Any], None]:
    return lambda parent, key: parent.__setitem__(key, value)


@given(MANIFESTS)
@settings(max_examples=examples(60), deadline=None)
def test_every_manifest_is_read_back_as_it_was_written(manifest: Manifest) -> None:
    assert _manifest.load(_manifest.dump(manifest), "m") == manifest


@given(MANIFESTS, st.data(), JSON)
@settings(max_examples=examples(100), deadline=None)
def test_every_edit_of_any_value_is_refused(manifest: Manifest, data: st.DataObject, value: t.Any) -> None:
    document = json.loads(_manifest.dump(manifest))
    place = data.draw(st.sampled_from(sorted(places(document), key=repr)))
    content = edited(document, place, put(value))
    if json.dumps(json.loads(content), sort_keys=True) != json.dumps(document, sort_keys=True):
        with pytest.raises(DamagedError):
            _manifest.load(content, "m")


def test_every_key_that_is_taken_out_or_put_in_is_missed() -> None:
    document = json.loads(_manifest.dump(a_manifest()))
    for place in places(document):
        with pytest.raises(DamagedError):
            _manifest.load(edited(document, place, lambda parent, key: parent.pop(key)), "m")
    with pytest.raises(DamagedError, match="changed after it was written"):
        _manifest.load(edited(document, ("extra",), put(1)), "m")


def test_white_space_and_the_order_of_keys_are_no_edit() -> None:
    document = json.loads(_manifest.dump(a_manifest()))
    assert _manifest.load(json.dumps(dict(reversed(document.items())), indent=7).encode(), "m") == a_manifest()


def test_a_manifest_that_is_cut_at_any_byte_is_refused() -> None:
    content = _manifest.dump(a_manifest()).rstrip()
    for cut in range(len(content)):
        with pytest.raises(DamagedError):
            _manifest.load(content[:cut], "m")


def test_a_newer_version_is_refused_with_what_to_do() -> None:
    document = json.loads(_manifest.dump(a_manifest()))
    with pytest.raises(DamagedError, match="schema version 4, and this release knows versions up to 3") as raised:
        _manifest.load(edited(document, ("schema_version",), put(4)), "m")
    assert "a newer one" in raised.value.hint and "restore_by_hand" in raised.value.hint


def test_only_a_reference_needs_the_newest_version_so_that_older_releases_read_the_rest() -> None:
    plain = json.loads(_manifest.dump(a_manifest()))
    assert plain["schema_version"] == 2 and "reference" not in plain
    reference = Reference("restic", "ab12", {"repository": "/srv/restic"})
    kept = dataclasses.replace(a_manifest(), artifacts=(), reference=reference)
    document = json.loads(_manifest.dump(kept))
    assert document["schema_version"] == 3
    assert document["reference"] == {"system": "restic", "id": "ab12", "facts": {"repository": "/srv/restic"}}
    assert _manifest.load(_manifest.dump(kept), "m") == kept


@pytest.mark.parametrize("version", [0, -1, "2", None, 2.0, True, [2]])
def test_a_version_that_is_none_is_refused(version: t.Any) -> None:
    document = json.loads(_manifest.dump(a_manifest()))
    with pytest.raises(DamagedError):
        _manifest.load(edited(document, ("schema_version",), put(version)), "m")


@pytest.mark.parametrize("content", [b"", b"[]", b"1", b"{}", b"\xff\xfe", b'{"schema": "other"}', b"null"])
def test_what_is_no_manifest_is_refused_by_its_name(content: bytes) -> None:
    with pytest.raises(DamagedError, match="^repository/manifest.json "):
        _manifest.load(content, "repository/manifest.json")


def test_version_1_is_read() -> None:
    manifest = _manifest.load(VERSION_1.read_bytes(), "m")
    assert manifest.folder == "shop/codex/20250115T020000Z-3f9a2c"
    assert (manifest.encoding.compression, manifest.encoding.encryption, len(manifest.encoding.recipients)) == (
        "zstd",
        "age",
        1,
    )
    assert [(artifact.content, artifact.stored_bytes) for artifact in manifest.artifacts] == [("whole", 9123456)]
    assert (manifest.repositories, manifest.restore_by_hand) == ((), ())


def test_version_1_in_a_wrong_shape_is_refused_at_every_place() -> None:
    document = json.loads(VERSION_1.read_bytes())
    for place in places(document):
        if place[0] != "content" and place != ("artifacts", 0, "role"):
            with pytest.raises(DamagedError):
                _manifest.load(edited(document, place, put([["wrong"]])), "m")


def test_a_moment_that_is_none_is_refused() -> None:
    document = json.loads(VERSION_1.read_bytes())
    with pytest.raises(DamagedError, match="wrong shape"):
        _manifest.load(edited(document, ("snapshot_at",), put("yesterday")), "m")


def test_sizes_and_paths_are_those_of_all_artifacts() -> None:
    manifest = a_manifest()
    assert (manifest.plain_bytes, manifest.stored_bytes) == (15, 7)
    assert manifest.artifact_path(manifest.artifacts[1]) == "shop/codex/20260115T020000Z-3f9a2c/b"


@given(st.text(max_size=70) | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,70}", fullmatch=True))
def test_a_name_that_is_accepted_names_a_folder_in_every_repository(name: str) -> None:
    try:
        _manifest.check_name("app", name)
    except OptionError as error:
        assert repr(name) in str(error)
        return
    assert _paths.check_folder(_manifest.backup_folder(name, name, "20260115T020000Z-3f9a2c"))
    assert len(name) <= 63 and name.isascii() and name[0].isalnum()


@pytest.mark.parametrize("name", ["codex", "a", "A-b_c.d", "9", "x" * 63])
def test_a_plain_name_is_accepted(name: str) -> None:
    assert _manifest.check_name("component", name) == name


@pytest.mark.parametrize("name", ["", ".a", "-a", "_a", "a/b", "..", "a b", "ä", "a\n", "x" * 64, 'a"b', "a@b"])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="^component: "):
        _manifest.check_name("component", name)


@given(st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2200, 1, 1), timezones=st.timezones()))
@settings(deadline=None)
def test_an_id_tells_its_time_in_utc_to_the_second(now: datetime.datetime) -> None:
    backup_id = _manifest.new_backup_id(now)
    assert _manifest.is_backup_id(backup_id)
    assert _manifest.id_time(backup_id) == _manifest.from_iso(_manifest.iso(now))
    assert datetime.timedelta() <= now - _manifest.id_time(backup_id) < datetime.timedelta(seconds=1)


def test_ids_of_one_second_differ() -> None:
    now = datetime.datetime(2026, 1, 15, tzinfo=datetime.UTC)
    assert len({_manifest.new_backup_id(now) for _number in range(20)}) == 20


@pytest.mark.parametrize(
    "text", ["", "20260115T020000Z", "20260115T020000Z-3F9A2C", "20260115T020000Z-3f9a2c0", "x20260115T020000Z-3f9a2c"]
)
def test_what_is_no_id_is_not_taken_for_one(text: str) -> None:
    assert not _manifest.is_backup_id(text)
