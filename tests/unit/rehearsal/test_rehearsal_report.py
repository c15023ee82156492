# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rehearsal amounts to, its chain in a repository, and its renderings."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import typing as t
from xml.etree import ElementTree

import jsonschema
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._chain import path_of, read_chain, store, to_json
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._folder import in_order, read_folder, stem_of
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._model import (
    Check,
    Promised,
    Proof,
    Rehearsal,
    Step,
    conclude,
    problems,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._page import render_index, render_page
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._renderings import render_junit, render_markdown
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories
from hypothesis import given
from hypothesis import strategies as st

AT = "2026-01-15T04:00:00Z"
EVIL = "<script>alert(1)</script>|`\u202e\x00"


def _step(name: str = "prove", status: str = "passed", message: str = "") -> Step:
    return Step(name, f"title of {name}", status, AT, 1.5, "2h", message, "evidence")


def _proof(component: str = "codex", status: str = "passed", seconds: float | None = 60.0, **more: t.Any) -> Proof:
    known = {"engine": "postgresql", "backup_id": "20260115T020000Z-3f9a2c", "message": "said", **more}
    return Proof(f"{component}, newest", component, status=status, restore_seconds=seconds, **known)


def _rehearsal(**values: t.Any) -> Rehearsal:
    given_values = {"steps": (_step(),), "proofs": (_proof(),), **values}
    return Rehearsal("shop", "run", "staging", "host1", AT, AT, 90.0, **given_values)


def _concluded(promised: Promised | None = None, **values: t.Any) -> Rehearsal:
    return conclude(_rehearsal(**values), promised or Promised())


_SCHEMA = pathlib.Path(__file__).parents[3] / "docs" / "schemas" / "rehearsal.schema.json"


@given(
    st.lists(st.sampled_from(["passed", "failed", "skipped"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["passed", "failed", "planned"]), max_size=2),
    st.lists(st.sampled_from(["passed", "failed", "error"]), max_size=2),
    st.one_of(st.none(), st.floats(0, 1e6)),
)
def test_every_report_keeps_to_the_schema(
    steps: list[str], proofs: list[str], checks: list[str], seconds: float | None
) -> None:
    concluded = _concluded(
        Promised(whole=3600.0),
        steps=tuple(_step(f"s{n}", status) for n, status in enumerate(steps)),
        proofs=tuple(_proof(f"c{n}", status, seconds) for n, status in enumerate(proofs)),
        checks=tuple(Check(f"c{n}", status) for n, status in enumerate(checks)),
        findings=(EVIL,),
        variant="monthly",
    )
    jsonschema.validate(json.loads(to_json(concluded)), json.loads(_SCHEMA.read_text(encoding="utf-8")))


def test_the_schema_has_every_field_and_refuses_others() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))
    document = json.loads(to_json(_concluded(checks=(Check("c", "passed"),))))
    assert validator.is_valid(document)
    for name in document:
        assert not validator.is_valid({key: value for key, value in document.items() if key != name}), name
    for changed in ({"verdict": "good"}, {"previous_sha256": "x"}, {"seconds": None}, {"extra": 1}, {"steps": []}):
        assert not validator.is_valid({**document, **changed}), changed


@pytest.mark.parametrize(
    "values",
    [
        {"steps": (_step(status="failed"),)},
        {"proofs": (_proof(), _proof(status="failed"))},
        {"proofs": (_proof(status="planned"),)},
        {"proofs": ()},
        {"checks": (Check("c", "failed"),)},
        {"checks": (Check("c", "passed"), Check("d", "error"))},
    ],
)
def test_whatever_is_not_good_makes_it_red_and_is_named(values: dict[str, t.Any]) -> None:
    red = _concluded(**values)
    assert red.verdict == "failed" and problems(red)
    assert _concluded().verdict == "passed" and not problems(_concluded())


def test_what_an_earlier_proof_has_shown_is_counted_apart_in_every_rendering() -> None:
    earlier = _proof("events", proven_at=AT, message="not restored in this rehearsal")
    report = _concluded(proofs=(_proof(), earlier))
    assert report.summary.startswith(
        "The rehearsal of shop passed: 1 backup restored and proven, 1 backup proven before"
    )
    assert "not restored in this rehearsal" in render_page(report, ())
    assert f"| passed at {AT} |" in render_markdown(report) and "proven before" in render_junit(report)


def test_a_backup_that_was_only_read_is_not_called_restored() -> None:
    report = _concluded(proofs=(_proof(profile="full"), _proof("events", seconds=None, profile="artifact")))
    assert "1 backup restored and proven, 1 backup read to the end and not restored" in report.summary


def test_what_failed_is_not_told_as_if_it_were_so() -> None:
    for values, told in (
        ({"checks": (Check("every receipt is there", "failed"),)}, 'the check "every receipt is there" did not pass.'),
        ({"proofs": (_proof(status="failed"),)}, f'the backup "{_proof().name}" is not proven'),
        ({"steps": (_step("start", "failed"),)}, "Step 1: "),
    ):
        assert f"failed: {told}" in _concluded(**values).summary


@pytest.mark.parametrize(
    ("seconds", "status", "verdict"),
    [(3600.0, "met", "passed"), (3600.1, "missed", "failed"), (None, "not measured", "failed")],
)
def test_a_recovery_time_that_is_missed_or_not_measured_makes_it_red(
    seconds: float | None, status: str, verdict: str
) -> None:
    for promised in (Promised(whole=3600.0), Promised(components={"codex": 3600.0})):
        judged = _concluded(promised, proofs=(_proof(seconds=seconds),))
        assert (judged.objectives[0].status, judged.verdict) == (status, verdict)


def test_the_restore_time_is_that_of_the_first_backup_of_each_store_that_is_restored() -> None:
    bucket = _proof("chunks", seconds=None, engine="s3")
    judged = _concluded(proofs=(_proof(seconds=60.0), _proof(seconds=99.0), _proof("events", seconds=2.5), bucket))
    assert judged.restore_seconds == 62.5
    assert "| is the copy |" in render_markdown(judged) and "is the copy" in render_page(judged, [])
    assert _concluded(proofs=(_proof(), _proof("events", seconds=None))).restore_seconds is None


@given(st.lists(st.sampled_from(["passed", "failed", "skipped"]), max_size=4), st.lists(st.booleans(), max_size=3))
def test_it_passes_only_where_everything_did_and_something_was_proven(steps: list[str], proofs: list[bool]) -> None:
    judged = _concluded(
        steps=tuple(_step(f"s{n}", status) for n, status in enumerate(steps)),
        proofs=tuple(_proof(f"c{n}", "passed" if good else "failed") for n, good in enumerate(proofs)),
    )
    assert (judged.verdict == "passed") == ("failed" not in steps and all(proofs) and bool(proofs))


def test_reports_are_numbered_chained_and_never_replaced(tmp_path: pathlib.Path) -> None:
    repositories = open_repositories([{"path": str(tmp_path)}])
    written = [store(repositories, _concluded()) for _number in range(3)]
    assert [(one.number, one.stored_in) for one, _chain, _problems in written] == [
        (number, repositories[0].name) for number in (1, 2, 3)
    ]
    assert not any(problem for _one, _chain, problem in written)
    contents = [(tmp_path / path_of("shop", number)).read_bytes() for number in (1, 2, 3)]
    assert json.loads(contents[2])["previous_sha256"] == hashlib.sha256(contents[1]).hexdigest()
    assert [one.number for one in read_chain(repositories[0], "shop").rehearsals] == [1, 2, 3]


@pytest.mark.parametrize(
    ("number", "change", "words"),
    [
        (1, lambda content: content.replace(b'"host1"', b'"host2"'), "000002.json does not follow"),
        (2, lambda content: content[:50], "000002.json cannot be read"),
        (2, None, "000002.json is missing"),
    ],
)
def test_a_report_that_was_changed_cut_or_removed_is_named_and_the_next_one_is_written(
    tmp_path: pathlib.Path, number: int, change: t.Callable[[bytes], bytes] | None, words: str
) -> None:
    repositories = open_repositories([{"path": str(tmp_path)}])
    for _number in range(3):
        store(repositories, _concluded())
    path = tmp_path / path_of("shop", number)
    content = path.read_bytes()
    path.unlink()
    if change:
        path.write_bytes(change(content))
    written, chain, _problems = store(repositories, _concluded())
    assert written.number == 4 and any(words in one for one in chain.broken), chain.broken


def test_a_repository_that_takes_nothing_keeps_the_report_from_being_stored_and_not_from_being_made(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "_rehearsals").write_text("in the way")
    written, _chain, troubles = store(open_repositories([{"path": str(tmp_path)}]), _concluded())
    assert written.number == 0 and written.verdict == "passed" and len(troubles) == 1


def _kept(folder: pathlib.Path, number: int, before: bytes = b"", **more: t.Any) -> pathlib.Path:
    """A report that no repository took, as it is in the folder of a staging host."""
    digest = hashlib.sha256(before).hexdigest() if before else ""
    moment = f"2026-01-{number:02d}T04:00:00Z"
    values = {"number": number, "previous_sha256": digest, "run_id": f"r{number}", "began_at": moment, **more}
    report = dataclasses.replace(_concluded(), **values)
    path = folder / f"{stem_of(report)}.json"
    path.write_bytes(to_json(report))
    return path


def test_reports_that_no_repository_took_are_a_chain_in_their_folder(tmp_path: pathlib.Path) -> None:
    first = _kept(tmp_path, 1)
    second = _kept(tmp_path, 2, first.read_bytes())
    _kept(tmp_path, 1, run_id="stored", stored_in="s3://vault", began_at="2026-01-01T05:00:00Z")
    _kept(tmp_path, 7, app="shop_rehearsal_x")
    folder = read_folder(str(tmp_path), "shop")
    assert [one.run_id for one in in_order(folder.rehearsals, folder.rehearsals)] == ["r1", "stored", "r2"]
    assert [one.number for one in folder.chain.rehearsals] == [1, 2] and not folder.chain.broken
    digest = hashlib.sha256(second.read_bytes()).hexdigest()
    assert (folder.chain.last_number, folder.chain.last_sha256) == (2, digest)
    assert read_folder(str(tmp_path / "none"), "shop").chain.last_number == 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "is rehearsal 3, and the one before it in this folder is 1"),
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "_r2.json cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"host1"', b'"host2"')), "_r3.json does not follow"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "_r2.json cannot be read: it is not a file"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "_r2.json cannot be read"),
    ],
)
def test_a_report_in_the_folder_that_was_changed_or_removed_is_named(
    tmp_path: pathlib.Path, damage: t.Callable[[pathlib.Path], object], words: str
) -> None:
    first = _kept(tmp_path, 1)
    second = _kept(tmp_path, 2, first.read_bytes())
    _kept(tmp_path, 3, second.read_bytes())
    damage(second)
    chain = read_folder(str(tmp_path), "shop").chain
    assert any(words in one for one in chain.broken), chain.broken
    assert chain.last_number == 3, "the next one goes on"


def test_every_rendering_says_the_verdict_and_none_takes_a_name_for_its_own_markup() -> None:
    evil = _concluded(
        Promised(whole=1.0),
        proofs=(_proof(message=EVIL, status="failed"),),
        steps=(_step(), _step("start", "failed", EVIL), _step("compare", "skipped", EVIL)),
        checks=(Check(EVIL, "failed", EVIL, EVIL),),
        findings=(EVIL,),
    )
    page, index = render_page(evil, [_concluded()]), render_index("shop", [_concluded(), evil], {"run": 'a"b'})
    for shown in (page, index):
        assert "<script" not in shown and "\u202e" not in shown and "\x00" not in shown
    assert "FAILED" in page and 'href="a&quot;b.html"' in index
    markdown = render_markdown(evil)
    assert markdown.startswith("# FAILED") and "<script" not in markdown.replace("\\<script", "")
    root = ElementTree.fromstring(render_junit(evil))
    assert len(root.findall(".//failure")) == 4
    good = ElementTree.fromstring(render_junit(_concluded()))
    assert not good.findall(".//failure") and render_markdown(_concluded()).startswith("# PASSED")


def test_the_page_leads_to_the_reports_of_the_proofs() -> None:
    proven = _concluded(proofs=(_proof(report='/reports/shop & "codex".html'), _proof("events")))
    page = render_page(proven, [], "/reports/rehearsals")
    assert page.count("<a href=") == 1 and 'href="../shop%20%26%20%22codex%22.html"' in page


def test_renderings_are_the_same_each_time() -> None:
    one = dataclasses.replace(_concluded(), number=7)
    for render in (to_json, render_markdown, render_junit, lambda shown: render_page(shown, [])):
        assert render(one) == render(one)
