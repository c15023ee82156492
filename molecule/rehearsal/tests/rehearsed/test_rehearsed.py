# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a staging host shows after it has rehearsed what production, which is gone, had stored."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest

if t.TYPE_CHECKING:
    from testinfra.host import Host

testinfra_hosts = ["ansible://staging"]

REPORTS = "/var/lib/lifeboat/reports/rehearsals"
COMPONENTS = {"codex", "events", "sessions", "uploads", "files"}
RUNS = ("green", "broken", "wrong_key", "damaged", "silent")


@pytest.fixture(scope="module")
def reports(host: Host) -> dict[str, dict[str, t.Any]]:
    """The report of each run that came to its end, by the name of the run: they are written in this order."""
    names = sorted(host.check_output(f"ls {REPORTS}/*.json").split())
    assert len(names) == len(RUNS)
    return {run: json.loads(host.check_output(f"cat {name}")) for run, name in zip(RUNS, names, strict=True)}


def said(host: Host, run: str) -> str:
    """What a run has printed."""
    return str(host.file(f"/var/lib/runs/{run}.log").content_string)


def statuses(report: dict[str, t.Any]) -> dict[str, str]:
    """How each step ended."""
    return {step["name"]: step["status"] for step in report["steps"]}


def proofs(report: dict[str, t.Any]) -> dict[str, str]:
    """How each proof ended."""
    return {proof["component"]: proof["status"] for proof in report["proofs"]}


def test_everything_was_restored_where_production_was_gone(reports: t.Any) -> None:
    green = reports["green"]
    assert green["verdict"] == "passed" and set(statuses(green).values()) == {"passed"}
    assert proofs(green) == dict.fromkeys(COMPONENTS, "passed")
    assert green["objectives"][0]["status"] == "met" and green["restore_seconds"] > 0
    assert len(green["checks"]) == 5 and {check["status"] for check in green["checks"]} == {"passed"}
    assert "50 names of 50 entries" in green["checks"][4]["observed"]


def test_the_report_is_there_in_every_form(host: Host) -> None:
    names = host.check_output(f"ls {REPORTS}").split()
    for ending in ("html", "json", "junit.xml", "md"):
        pages = [name for name in names if name.split(".", 1)[1] == ending and name != "shop_index.html"]
        assert len(pages) == len(RUNS), ending
    index = host.file(f"{REPORTS}/shop_index.html").content_string
    assert index.count('href="shop_rehearsal_') == len(RUNS), "it lists all of them, where staging may not write, too"


def test_an_account_that_can_only_read_is_enough(host: Host, reports: t.Any) -> None:
    if host.file("/var/lib/runs/write.status").content_string == "0":
        pytest.skip("VersityGW is built by Go, and there is no program go on this machine: every account may write.")
    assert "could not be stored" in said(host, "green")
    assert [reports[run]["number"] for run in RUNS] == [1, 2, 3, 4, 5], "the folder is the chain"
    assert {reports[run]["stored_in"] for run in RUNS} == {""}


def test_a_rehearsal_that_was_killed_is_swept_by_the_next_and_a_page_with_an_error_is_red(reports: t.Any) -> None:
    broken = reports["broken"]
    assert "was killed in its step start" in broken["findings"][0] or "in its step check" in broken["findings"][0]
    assert broken["verdict"] == "failed"
    assert statuses(broken) | {"check": "failed", "compare": "skipped"} == statuses(broken)
    asked = {check["name"]: check for check in broken["checks"]}
    assert asked["the shop is well"]["status"] == "failed" and "error" in asked["the shop is well"]["observed"]


def test_a_wrong_key_is_said_in_words(host: Host, reports: t.Any) -> None:
    red = reports["wrong_key"]
    assert red["verdict"] == "failed" and statuses(red)["prove"] == "failed" and statuses(red)["restore"] == "skipped"
    assert "key" in said(host, "wrong_key").lower()


def test_a_damaged_backup_is_red_and_the_others_are_proven(reports: t.Any) -> None:
    assert proofs(reports["damaged"]) == {**dict.fromkeys(COMPONENTS, "passed"), "codex": "failed"}


def test_a_vault_that_is_silent_does_not_hold_it_longer_than_its_limit(host: Host, reports: t.Any) -> None:
    assert reports["silent"]["verdict"] == "failed"
    assert "limit" in said(host, "silent")
    seconds = int(host.file("/var/lib/runs/silent.seconds").content_string)
    assert seconds < 300, "without a limit, each component asks for ten minutes"


def test_nothing_is_left(host: Host) -> None:
    assert host.run("pgrep --uid lifeboat-scratch").rc != 0
    assert host.check_output("find /var/lib/lifeboat-rehearsal -mindepth 1") == ""
    assert host.check_output("ls -d /srv/rehearsed* 2>/dev/null || true") == ""
    assert host.check_output("find /tmp /var/tmp -name '*lifeboat*'") == ""
    assert host.run("systemctl is-active rehearsed-shop").rc != 0


def test_how_long_it_took_is_kept(host: Host) -> None:
    seconds = {run: int(host.file(f"/var/lib/runs/{run}.seconds").content_string) for run in RUNS}
    folder = pathlib.Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "tests/output/rehearsal"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seconds.json").write_text(json.dumps(seconds, indent=2) + "\n", encoding="ascii")
    assert min(seconds.values()) >= 0
