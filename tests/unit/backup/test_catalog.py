# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalog, over repositories in memory: what is there, what can be trusted, and which backup is meant."""

from __future__ import annotations

import dataclasses
import datetime
import json
import platform
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import (
    Absent,
    Backup,
    Catalog,
    Proof,
    absent_from,
    choose,
    parse_moment,
    read_catalog,
    young_enough,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Encoding, Manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, RepositoryError
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.mock_repository import MockRepository

FIRST, SECOND, THIRD = (f"2026011{day}T020000Z-00000{day}" for day in (1, 2, 3))
IDS = [FIRST, SECOND, THIRD]


def manifest_of(backup_id: str, component: str = "codex") -> Manifest:
    time = _manifest.iso(_manifest.id_time(backup_id))
    return Manifest(
        "shop", component, backup_id, "postgresql", time, time, time, "db1", {}, Encoding("zstd", "none"), (), {}
    )


def stored(*backup_ids: str, component: str = "codex") -> dict[str, bytes]:
    manifests = [manifest_of(backup_id, component) for backup_id in backup_ids]
    return {f"{manifest.folder}/manifest.json": _manifest.dump(manifest) for manifest in manifests}


def proof(backup_id: str, verified_at: str, verdict: str) -> dict[str, bytes]:
    record = {"verified_at": verified_at, "verdict": verdict, "profile": "full"}
    return {f"shop/codex/{backup_id}/verified/{verified_at}.json": json.dumps(record).encode()}


def ids(catalog: Catalog) -> list[str]:
    return [backup.backup_id for backup in catalog.backups]


def chosen(repository: MockRepository, which: t.Any) -> str:
    return choose(read_catalog([repository], "shop", "codex"), "shop", "codex", which).backup_id


def test_backups_come_newest_first_each_with_all_repositories_that_hold_it() -> None:
    one, two = MockRepository("one", stored(FIRST, THIRD)), MockRepository("two", stored(SECOND, THIRD))
    catalog = read_catalog([one, two])
    assert ids(catalog) == [THIRD, SECOND, FIRST]
    assert [[repository.name for repository in backup.repositories] for backup in catalog.backups] == [
        ["one", "two"],
        ["two"],
        ["one"],
    ]


def test_what_is_no_backup_is_passed_over() -> None:
    files = {
        "README": b"",
        "shop/codex/notes/manifest.json": b"{}",
        f"shop/codex/{FIRST}/artifact": b"",
        f"shop/codex/{SECOND}/x/manifest.json": b"",
    }
    catalog = read_catalog([MockRepository("one", {**files, **stored(THIRD)})])
    assert (ids(catalog), catalog.unreadable) == ([THIRD], ())


def test_an_app_or_a_component_can_be_asked_for_alone() -> None:
    repository = MockRepository("one", {**stored(FIRST), **stored(SECOND, component="codex2")})
    assert ids(read_catalog([repository], "shop", "codex")) == [FIRST]
    assert ids(read_catalog([repository], "shop")) == [SECOND, FIRST]
    assert ids(read_catalog([repository], "other")) == []
    assert [backup.backup_id for backup in read_catalog([repository]).of("shop", "codex2")] == [SECOND]


def test_the_newest_of_each_component_are_read_and_no_others() -> None:
    repository = MockRepository("one", {**stored(*IDS), **stored(FIRST, component="codex2")})
    assert ids(read_catalog([repository], newest=1)) == [THIRD, FIRST]
    assert sum("read" in call for call in repository.calls) == 2


def test_one_from_the_future_does_not_hide_the_newest() -> None:
    future = "29990101T000000Z-000000"
    repository = MockRepository("one", stored(*IDS, future))
    assert ids(read_catalog([repository], newest=1)) == [future, THIRD]


@pytest.mark.parametrize("content", [b"", b"{", _manifest.dump(manifest_of(SECOND)).replace(b"db1", b"db2")])
def test_a_manifest_that_cannot_be_read_is_told_and_the_others_are_there(content: bytes) -> None:
    repository = MockRepository("one", {**stored(*IDS), f"shop/codex/{SECOND}/manifest.json": content})
    catalog = read_catalog([repository])
    assert ids(catalog) == [THIRD, FIRST]
    assert [(item.repository, item.path) for item in catalog.unreadable] == [("one", f"shop/codex/{SECOND}")]


def test_a_whole_copy_elsewhere_makes_up_for_a_damaged_one() -> None:
    one, two = MockRepository("one", {f"shop/codex/{FIRST}/manifest.json": b"{"}), MockRepository("two", stored(FIRST))
    catalog = read_catalog([one, two])
    assert [backup.repositories for backup in catalog.backups] == [(two,)]
    assert len(catalog.unreadable) == 1


def test_a_backup_in_the_wrong_folder_is_not_taken_for_another() -> None:
    catalog = read_catalog(
        [MockRepository("one", {f"shop/codex/{THIRD}/manifest.json": _manifest.dump(manifest_of(FIRST))})]
    )
    assert ids(catalog) == []
    assert "put into the wrong folder" in catalog.unreadable[0].why


def test_a_repository_that_is_out_of_reach_is_told_and_the_others_are_read() -> None:
    dead, alive = MockRepository("dead", stored(THIRD)), MockRepository("alive", stored(FIRST))
    dead.fails = {"list"}
    catalog = read_catalog([dead, alive])
    assert (ids(catalog), catalog.unreachable) == ([FIRST], {"dead": "dead cannot list."})


def test_when_no_repository_can_be_listed_that_is_an_error() -> None:
    dead = MockRepository("dead")
    dead.fails = {"list"}
    with pytest.raises(RepositoryError, match=r"No repository could be listed\. dead cannot list") as raised:
        read_catalog([dead])
    assert raised.value.details == {"unreachable": {"dead": "dead cannot list."}}


def test_the_newest_proof_says_whether_a_backup_is_verified() -> None:
    good, bad = proof(FIRST, "2026-02-01T00:00:00Z", "passed"), proof(FIRST, "2026-02-02T00:00:00Z", "failed")
    repaired = proof(FIRST, "2026-02-03T00:00:00Z", "passed")
    for proofs, verified in (
        ({}, False),
        (good, True),
        ({**good, **bad}, False),
        ({**good, **bad, **repaired}, True),
        (bad, False),
    ):
        catalog = read_catalog([MockRepository("one", {**stored(FIRST), **proofs})])
        assert catalog.backups[0].verified is verified


def test_proofs_of_all_repositories_count_once_each() -> None:
    good, bad = proof(FIRST, "2026-02-01T00:00:00Z", "passed"), proof(FIRST, "2026-02-02T00:00:00Z", "failed")
    one, two = MockRepository("one", {**stored(FIRST), **good}), MockRepository("two", {**stored(FIRST), **good, **bad})
    backup = read_catalog([one, two]).backups[0]
    assert [found.verdict for found in backup.proofs] == ["passed", "failed"]
    assert not backup.verified


@pytest.mark.parametrize("order", [("passed", "failed"), ("failed", "passed")])
def test_of_two_proofs_that_ended_in_one_second_the_one_that_failed_counts(order: tuple[str, str]) -> None:
    files = stored(FIRST)
    for number, verdict in enumerate(order):
        (content,) = proof(FIRST, "2026-02-01T00:00:00Z", verdict).values()
        files[f"shop/codex/{FIRST}/verified/20260201T000000Z-{number}.json"] = content
    assert not read_catalog([MockRepository("one", files)]).backups[0].verified


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'"x"', b"\xff"])
def test_a_record_of_a_verification_that_cannot_be_read_never_makes_a_backup_verified(content: bytes) -> None:
    catalog = read_catalog([MockRepository("one", {**stored(FIRST), f"shop/codex/{FIRST}/verified/1.json": content})])
    assert [backup.verified for backup in catalog.backups] == [False]
    assert "not the record of a verification" in catalog.unreadable[0].why


def test_the_record_of_another_backup_proves_nothing() -> None:
    (content,) = proof(SECOND, "2026-02-01T00:00:00Z", "passed").values()
    moved = json.dumps({**json.loads(content), "backup_id": SECOND}).encode()
    catalog = read_catalog([MockRepository("one", {**stored(FIRST), f"shop/codex/{FIRST}/verified/1.json": moved})])
    assert not catalog.backups[0].verified
    assert f"is the record of the backup {SECOND}" in catalog.unreadable[0].why


@pytest.mark.parametrize("when", ["9999-01-01T00:00:00Z", "soon", "2026-02-01", "~"])
def test_a_proof_that_passed_at_no_time_or_in_the_future_hides_no_later_one(when: str) -> None:
    """A clock that was wrong once would call the backup proven for years, whatever its proofs say since."""
    bad = proof(FIRST, "2026-02-02T00:00:00Z", "failed")
    catalog = read_catalog([MockRepository("one", {**stored(FIRST), **proof(FIRST, when, "passed"), **bad})])
    assert [found.verdict for found in catalog.backups[0].proofs] == ["failed"]
    assert not catalog.backups[0].verified and len(catalog.unreadable) == 1
    catalog = read_catalog([MockRepository("one", {**stored(FIRST), **proof(FIRST, "9999-01-01T00:00:00Z", "failed")})])
    assert [found.verdict for found in catalog.backups[0].proofs] == ["failed"], "red is the safe side"


def test_a_repository_that_does_not_give_the_backup_is_told_with_whether_it_should() -> None:
    manifest = dataclasses.replace(manifest_of(FIRST), repositories=("one", "gone"))
    files = {f"{manifest.folder}/manifest.json": _manifest.dump(manifest)}
    repositories = [
        MockRepository("one", files),
        MockRepository("gone", {}),
        MockRepository("new", {}),
        MockRepository("damaged", {name: b"{}" for name in files}),
    ]
    catalog = read_catalog(repositories)
    found = absent_from(catalog, repositories, catalog.backups[0])
    assert [(one.repository, one.lost) for one in found] == [("gone", True), ("new", False), ("damaged", True)]
    for host, lost in ((platform.node(), True), ("another", False)):
        own = dataclasses.replace(catalog.backups[0].manifest, host=host, repositories=("/srv",))
        (one,) = absent_from(
            catalog, [MockRepository("/srv", {})], dataclasses.replace(catalog.backups[0], manifest=own)
        )
        assert one.lost is lost, "a folder of that path on another host is another folder"
    newer = dataclasses.replace(catalog, backups=(Backup(manifest_of(SECOND), ()), *catalog.backups))
    assert [one.lost for one in absent_from(newer, repositories[:2], catalog.backups[0])] == [False], "retention may"
    away = dataclasses.replace(catalog, unreachable={"gone": "no route"})
    assert absent_from(away, repositories[:2], catalog.backups[0]) == (
        Absent("gone", "it cannot be listed: no route", lost=False),
    )


@pytest.mark.parametrize(
    ("which", "backup_id"),
    [
        ("newest", THIRD),
        ("oldest", FIRST),
        ("newest_verified", SECOND),
        (FIRST, FIRST),
        ({"before": "2026-01-13T02:00:00Z"}, SECOND),
        ({"before": "2026-01-13T02:00:01Z"}, THIRD),
        ({"before": "2026-01-13T03:00:00+02:00"}, SECOND),
        ({"before": "2026-01-13"}, SECOND),
    ],
)
def test_the_backup_that_is_named_is_chosen(which: t.Any, backup_id: str) -> None:
    proofs = {**proof(FIRST, "2026-02-01T00:00:00Z", "passed"), **proof(SECOND, "2026-02-01T00:00:00Z", "passed")}
    assert (
        chosen(
            MockRepository("one", {**stored(*IDS), **proofs, **proof(THIRD, "2026-02-01T00:00:00Z", "failed")}), which
        )
        == backup_id
    )


def test_a_random_one_is_one_of_them_and_in_time_each() -> None:
    repository = MockRepository("one", stored(*IDS))
    assert {chosen(repository, "random") for _attempt in range(200)} == set(IDS)


@pytest.mark.parametrize(
    "which",
    ["newest_verified", "20260101T000000Z-000000", {"before": "2026-01-11T02:00:00Z"}, {"after": "x"}, "Newest", None],
)
def test_a_choice_that_fits_none_says_which_there_are(which: t.Any) -> None:
    with pytest.raises(OptionError, match=f"fits no backup of shop/codex.*{THIRD}, {SECOND}, {FIRST}"):
        chosen(MockRepository("one", stored(*IDS)), which)


def test_without_any_backup_the_unreadable_ones_are_named() -> None:
    with pytest.raises(OptionError, match=rf"no backup of shop/codex .* Unreadable: one/shop/codex/{FIRST}: "):
        chosen(MockRepository("one", {f"shop/codex/{FIRST}/manifest.json": b"{"}), "newest")
    with pytest.raises(OptionError, match="Check app, component"):
        chosen(MockRepository("one"), "newest")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1"])
def test_what_is_no_point_in_time_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"^backup\.before: "):
        parse_moment("backup.before", text)


@given(st.integers(-100_000, 100_000), st.integers(0, 100_000))
def test_a_backup_is_young_enough_until_its_age_and_never_from_the_future(age: int, max_age: int) -> None:
    backup = Backup(manifest_of(FIRST), ())
    now = backup.taken_at + datetime.timedelta(seconds=age)
    assert young_enough(backup, datetime.timedelta(seconds=max_age), now) == (-300 <= age < max_age)


@pytest.mark.parametrize(("verdicts", "young"), [(["passed"], True), (["failed"], False), (["failed", "passed"], True)])
def test_a_backup_whose_last_proof_has_failed_is_not_young(verdicts: list[str], young: bool) -> None:
    """Else the status asks for a new backup, and every run says that there is a young one."""
    proofs = tuple(Proof(f"2026-01-15T1{n}:00:00Z", verdict, "full") for n, verdict in enumerate(verdicts))
    backup = Backup(manifest_of(FIRST), (), proofs)
    assert young_enough(backup, datetime.timedelta(days=7), backup.taken_at) is young


def test_the_point_in_time_is_that_of_the_content_not_of_the_start() -> None:
    manifest = dataclasses.replace(manifest_of(FIRST), snapshot_at="2026-01-11T02:05:00Z")
    assert Backup(manifest, ()).taken_at == datetime.datetime(2026, 1, 11, 2, 5, tzinfo=datetime.UTC)
