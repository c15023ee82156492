# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text that Prometheus reads: escaping, names, and what a run that fails keeps of the last one that did not."""

from __future__ import annotations

import os
import pathlib
import re

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics import _events
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._exposition import Sample, read_values, render
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._names import COUNTER, METRICS
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._textfile import Textfiles, open_textfiles
from hypothesis import given
from hypothesis import strategies as st

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"', "\\", "\n", '\\"', "\\n", '"}\n', "{a=", "\r", "\u2028", "#"]
)
_LABELS = st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), _TEXT, max_size=3)


def parsed(content: bytes) -> list[tuple[str, dict[str, str], float]]:
    """The samples, by a reader of the format that is written after its description and not after our writer."""
    found = []
    text, at = content.decode("utf-8"), 0
    while at < len(text):
        if text[at] == "#":
            at = text.index("\n", at) + 1
            continue
        name = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*").match(text, at)
        assert name
        at, labels = name.end(), {}
        if text[at] == "{":
            at += 1
            while text[at] != "}":
                key = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*").match(text, at)
                assert key and text[key.end() : key.end() + 2] == '="'
                at, value = key.end() + 2, ""
                while text[at] != '"':
                    assert text[at] != "\n"
                    if text[at] == "\\":
                        value += {"\\": "\\", '"': '"', "n": "\n"}[text[at + 1]]
                        at += 2
                    else:
                        value += text[at]
                        at += 1
                at += 1
                assert key[0] not in labels
                labels[key[0]] = value
                at += text[at] == ","
            at += 1
        end = text.index("\n", at)
        found.append((name[0], labels, float(text[at:end])))
        at = end + 1
    return found


@given(st.lists(st.tuples(st.sampled_from(sorted(METRICS)), _LABELS, st.floats(allow_nan=False, allow_infinity=False))))
def test_whatever_a_label_holds_it_comes_back_as_it_was(samples: list[tuple[str, dict[str, str], float]]) -> None:
    content = render([Sample(name, value, labels) for name, labels, value in samples])
    expected = sorted((name, sorted(labels.items()), value) for name, labels, value in samples)
    found = sorted((name, sorted(labels.items()), value) for name, labels, value in parsed(content))
    assert [one for one in expected if one not in found] == []
    assert all(one in expected for one in found)


@given(st.dictionaries(st.sampled_from(sorted(METRICS)), st.floats(allow_nan=False, allow_infinity=False)), _LABELS)
def test_a_file_of_ours_is_read_back(values: dict[str, float], labels: dict[str, str]) -> None:
    content = render([Sample(name, value, labels) for name, value in values.items()])
    assert read_values(content.decode("utf-8")) == values


@given(_TEXT)
def test_a_file_that_is_not_ours_says_nothing_wrong(content: str) -> None:
    assert read_values(content) == {}


def test_what_is_not_known_has_no_line_and_each_metric_has_one_head() -> None:
    content = render([
        Sample("backup_size_bytes", float("nan"), {"component": "a"}),
        Sample("backup_size_bytes", 1e20, {"component": "b"}),
        Sample("backup_size_bytes", 3, {"component": "c"}),
    ]).decode()  # fmt: skip
    assert content.splitlines() == [
        f"# HELP backup_size_bytes {METRICS['backup_size_bytes'][1]}",
        "# TYPE backup_size_bytes gauge",
        'backup_size_bytes{component="b"} 1e+20',
        'backup_size_bytes{component="c"} 3',
    ]


def test_what_utf_8_cannot_hold_spoils_no_file() -> None:
    assert render([Sample("backup_last_status", 1, {"app": "a\udcff"})]).endswith(b'{app="a?"} 1\n')


def test_names_are_those_of_the_field() -> None:
    for name, (kind, text) in METRICS.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name) and text.endswith(".") and "\n" not in text
        assert name.endswith("_total") == (kind == COUNTER)


def test_a_failure_keeps_when_the_last_success_was() -> None:
    good = _events.of_backup(
        {}, 100.0, succeeded=True, facts={"backup_last_success_timestamp": 100.0, "backup_size_bytes": 7.0}
    )
    assert (good["backup_last_status"], good["lifeboat_backup_failures_total"]) == (1, 0)
    known = {name: value for name, value in good.items() if value is not None}
    failed = _events.of_backup(known, 200.0, succeeded=False, facts={})
    assert failed == {
        **good, "backup_last_status": 0, "lifeboat_backup_failures_total": 1,
        "lifeboat_backup_last_attempt_timestamp_seconds": 200,
    }  # fmt: skip
    first = _events.of_backup({}, 200.0, succeeded=False, facts={})
    assert "backup_last_success_timestamp" not in first, "a backup that never succeeded has no such time"


def test_a_proof_that_fails_keeps_when_the_last_one_passed() -> None:
    earlier = {"lifeboat_rehearsal_last_success_timestamp_seconds": 5.0, "lifeboat_rehearsal_failures_total": 2.0}
    failed = _events.of_proof(earlier, 9.0, succeeded=False, facts={})
    assert (failed["restore_rehearsal_success"], failed["lifeboat_rehearsal_failures_total"]) == (0, 3)
    assert failed["lifeboat_rehearsal_last_success_timestamp_seconds"] == 5


class TestFiles:
    def test_the_file_is_whole_readable_by_all_and_replaces_the_one_before(self, tmp_path: pathlib.Path) -> None:
        files = Textfiles(str(tmp_path), {"team": "shop"})
        path = files.path("backup", "shop", "codex")
        for status in (0, 1):
            assert files.write(path, [Sample("backup_last_status", status, {"app": "shop"})]) == ""
        assert os.listdir(tmp_path) == ["lifeboat_backup_shop@codex.prom"]
        assert os.stat(path).st_mode & 0o777 == 0o644
        assert files.earlier(path) == {"backup_last_status": 1}
        assert 'team="shop"' in pathlib.Path(path).read_text(encoding="utf-8")

    def test_a_folder_that_is_missing_is_named_and_not_made(self, tmp_path: pathlib.Path) -> None:
        files = Textfiles(str(tmp_path / "none"), {})
        problem = files.write(files.path("backup", "shop", "codex"), [Sample("backup_last_status", 1)])
        assert str(tmp_path / "none" / "lifeboat_backup_shop@codex.prom") in problem and "No such file" in problem
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize("name", ["app", "component", "instance", "__name__", "a-b", ""])
    def test_a_label_that_cannot_be_one_is_refused(self, name: str) -> None:
        with pytest.raises(OptionError, match="metrics.labels: "):
            open_textfiles({"dir": "/x", "labels": {name: "y"}})

    def test_an_earlier_file_that_is_a_link_or_a_pipe_says_nothing(self, tmp_path: pathlib.Path) -> None:
        (tmp_path / "file").write_text("backup_last_status 1\n", encoding="utf-8")
        (tmp_path / "link").symlink_to(tmp_path / "file")
        os.mkfifo(tmp_path / "pipe")
        files = Textfiles(str(tmp_path), {})
        assert files.earlier(str(tmp_path / "file")) == {"backup_last_status": 1}
        assert files.earlier(str(tmp_path / "link")) == files.earlier(str(tmp_path / "pipe")) == {}

    def test_without_the_option_there_are_none(self) -> None:
        assert open_textfiles(None) is None
