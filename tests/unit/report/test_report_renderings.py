# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Markdown, JUnit and terminal renderings, and the files on disk."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _write
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html import render_html
from ansible_collections.lifeboat.dr.plugins.module_utils._report._junit import render_junit
from ansible_collections.lifeboat.dr.plugins.module_utils._report._markdown import escape, render_markdown
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import (
    Check,
    Control,
    Part,
    Report,
    Step,
    canonical_json,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import conclude


def test_markdown_says_the_verdict_and_every_failure_before_the_rest(failed_report: Report) -> None:
    text = render_markdown(failed_report)
    assert text.startswith("## \u274c FAILED: shop / codex\n")
    head, rest = text.split("### Where the time went")
    for check in failed_report.checks:
        assert (check.title in head) == (check.status == "failed")
        assert check.title in rest or "_" in check.title
    assert "(expected 26 h, observed 3 d 4 h)" in head
    assert "unknown counts as missed" in head


def test_a_step_without_a_title_is_told_by_its_number_alone(passed_report: Report) -> None:
    report = dataclasses.replace(passed_report, restore_by_hand=(Step("", "ls"), Step("", "cd")))
    assert "\n1\\.\n\n```sh\nls\n```\n\n2\\.\n" in render_markdown(report)
    assert "<li><pre><code>ls</code></pre></li>" in render_html(report)


def test_markdown_lists_every_failed_table_and_folds_the_passed_ones(many_tables_report: Report) -> None:
    text = render_markdown(many_tables_report)
    opened, folded = text.split("<details>")
    for number in ("00.order_lines_0007", "25.order_lines_1033", "49.order_lines_1999"):
        assert f"<code>tenant_{number}</code>" in opened
    assert "1,997 tables passed" in folded
    assert "And 1,797 more that passed" in folded
    assert len(text) < 65_536  # what a comment on GitHub may hold


def test_markdown_shows_commands_that_hold_a_fence(passed_report: Report) -> None:
    text = render_markdown(dataclasses.replace(passed_report, restore_by_hand=(Step("Do", "echo ```` done"),)))
    assert "`````sh\necho ```` done\n`````" in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a&#124;b"),
        ("a`b`", "a&#96;b&#96;"),
        ("order_items", "order_items"),
        ("_x_", "&#95;x&#95;"),
        ("1. one", "1&#46; one"),
        ("19.4 s", "19.4 s"),
        ("ask @everyone", "ask @\u2060everyone"),
        ("me@host", "me@host"),
        ("line\nbreak", "line break"),
    ],
)
def test_markdown_escapes_what_would_act_and_leaves_the_rest_readable(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_junit_has_a_case_for_each_check_and_each_damaged_copy(failed_report: Report) -> None:
    root = ElementTree.fromstring(render_junit(failed_report).encode())
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("17", "3", "0", "1")
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["Stored files", "Restore", "Content", "Structure", "Your own checks", "Damaged copies"]
    failure = suites["Structure"].find("testcase[@name='No foreign key has an orphan']/failure")
    assert failure is not None
    assert failure.get("message") == "3 rows of 1 foreign key point at nothing."
    assert "failed: dependencies_package_id_fkey" in (failure.text or "") and "observed 3" in (failure.text or "")
    assert "package_versions_package_id_fkey" not in (failure.text or "")


def test_junit_is_red_when_a_damaged_copy_passed(passed_report: Report) -> None:
    through = Control("cut", "A cut tail", "4,096 bytes removed", "failed", "Not noticed.")
    root = ElementTree.fromstring(
        render_junit(conclude(dataclasses.replace(passed_report, verdict="failed", controls=(through,))))
    )
    failure = root.find("testsuite[@name='Damaged copies']/testcase/failure")
    assert failure is not None and failure.get("message") == "The damaged copy was passed as good."


def test_junit_is_red_when_only_a_table_differs(passed_report: Report) -> None:
    report = conclude(dataclasses.replace(passed_report, verdict="failed", parts=(Part("t", "failed", 2, 1),)))
    failure = ElementTree.fromstring(render_junit(report)).find("testsuite[@name='Verdict']/testcase/failure")
    assert failure is not None and failure.get("message") == "1 table came back different"


def test_junit_is_red_when_nothing_was_checked(passed_report: Report) -> None:
    root = ElementTree.fromstring(
        render_junit(conclude(dataclasses.replace(passed_report, verdict="failed", checks=(), parts=(), controls=())))
    )
    assert (root.get("tests"), root.get("failures")) == ("1", "1")


def test_junit_tells_an_error_from_a_failure(passed_report: Report) -> None:
    error = Check("e", "Asked", "content", "error", "The server went away.")
    root = ElementTree.fromstring(
        render_junit(conclude(dataclasses.replace(passed_report, verdict="failed", checks=(error,))))
    )
    assert (root.get("failures"), root.get("errors")) == ("0", "1")


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_four_files_that_only_their_owner_may_read(passed_report: Report, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "reports"
    paths = _write.write_reports(passed_report, str(folder))
    stem = "shop_codex_20260115T020000Z-3f9a2c_20260115T031241Z"
    assert {kind: Path(path).name for kind, path in paths.items()} == {
        "json": f"{stem}.json",
        "html": f"{stem}.html",
        "markdown": f"{stem}.md",
        "junit": f"{stem}.junit.xml",
    }
    assert mode(folder) == 0o700
    assert {mode(path) for path in paths.values()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(path).name for path in paths.values())
    assert Report.from_dict(json.loads(Path(paths["json"]).read_bytes())) == passed_report


def test_an_existing_folder_keeps_its_mode(passed_report: Report, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    _write.write_reports(passed_report, str(tmp_path))
    assert mode(tmp_path) == 0o755


def test_writing_the_same_report_again_changes_nothing(passed_report: Report, tmp_path: Path) -> None:
    first = _write.write_reports(passed_report, str(tmp_path))
    assert _write.write_reports(passed_report, str(tmp_path)) == first
    assert len(list(tmp_path.iterdir())) == 4


def test_another_report_of_the_same_second_replaces_nothing(
    passed_report: Report, failed_report: Report, tmp_path: Path
) -> None:
    first = _write.write_reports(passed_report, str(tmp_path))
    second = _write.write_reports(failed_report, str(tmp_path))
    assert second["json"].endswith("Z-2.json")
    assert Path(first["json"]).read_bytes() == canonical_json(passed_report)


def test_the_json_comes_last_so_that_it_vouches_for_the_rest(
    passed_report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace
    done: list[str] = []

    def replace_until_junit(source: str, target: str) -> None:
        if target.endswith(".junit.xml"):
            raise OSError(28, "No space left on device")
        replace(source, target)
        done.append(os.path.basename(target))

    monkeypatch.setattr(os, "replace", replace_until_junit)
    with pytest.raises(LifeboatError, match="could not be written to .*No space left on device"):
        _write.write_reports(passed_report, str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(done)  # no temporary file is left
    assert not list(tmp_path.glob("*.json"))


def test_a_folder_that_is_a_file_is_refused_with_what_to_do(passed_report: Report, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(LifeboatError, match="report_dir") as caught:
        _write.write_reports(passed_report, str(tmp_path / "taken"))
    assert caught.value.details["directory"] == str(tmp_path / "taken")


@pytest.mark.parametrize(
    ("app", "stem"),
    [
        ("shop", "shop_codex_"),
        ("../../etc/x", "%2E.%2F..%2Fetc%2Fx_codex_"),
        ("-rf", "%2Drf_codex_"),
        ("caf\u00e9 1", "caf%C3%A9%201_codex_"),
    ],
)
def test_no_name_leads_out_of_the_folder(passed_report: Report, app: str, stem: str) -> None:
    assert _write.file_stem(dataclasses.replace(passed_report, app=app)).startswith(stem)


def test_long_names_are_cut_and_stay_different(passed_report: Report) -> None:
    stems = {_write.file_stem(dataclasses.replace(passed_report, app="x" * 300, component=name)) for name in ("a", "b")}
    assert len(stems) == 2 and all(len(stem) <= 200 for stem in stems)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "passed_report",
            (
                "Tables",
                "Table",
                "Rows",
                "Database",
                "8 tables, 2,446,442 rows, 12 large objects",
                "Rows proven by hash",
            ),
        ),
        (
            "streams_report",
            (
                "Streams",
                "Stream",
                "Messages",
                "Account",
                "2 streams, 1,007 messages, 3 consumers",
                "Messages proven by hash",
            ),
        ),
        (
            "buckets_report",
            ("Buckets", "Bucket", "Objects", "Object store", "8 tables, 2,446,442 rows", "Objects proven by hash"),
        ),
    ],
)
def test_every_rendering_speaks_of_the_kind_of_store(
    name: str, words: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    report = request.getfixturevalue(name)
    parts, one, units, source, counts, proven = words
    markdown, page = render_markdown(report), render_html(report)
    assert f"### {parts}\n" in markdown and f"| Result | {one} | {units} | Size | Fingerprint |" in markdown
    assert (
        f">{parts}</h2>" in page
        and f">{one}</th>" in page
        and f">{units}</th>" in page
        and f">{source}</bdi></dt>" in page
    )
    assert all(counts in rendering and proven in rendering for rendering in (markdown, page))


def test_a_red_stream_is_told_in_every_rendering(streams_report: Report) -> None:
    lost = Part("ORDERS", "failed", 1_000, 998, 64_000, "a" * 64, "b" * 64)
    report = conclude(dataclasses.replace(streams_report, verdict="failed", parts=(lost,)))
    assert report.summary == "shop/codex failed: 1 stream came back different."
    for rendering in (render_markdown(report), render_html(report)):
        assert "1 stream came back different" in rendering and "2 messages missing" in rendering
    assert 'message="1 stream came back different"' in render_junit(report)
