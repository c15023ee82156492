# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a staging host shows after it has rehearsed what production, which is gone, had stored."""

from __future__ import annotations

import json
import os
import pathlib
import re
import typing as t

import pytest

if t.TYPE_CHECKING:
    from testinfra.host import Host

testinfra_hosts = ["ansible://staging"]

REPORTS = "/var/lib/lifeboat/reports/rehearsals"
COMPONENTS = {"codex", "events", "sessions", "uploads", "files"}
KILLED = "/var/lib/runs/killed"
STEPS = ("preflight", "guard", "sweep", "choose", "prove", "restore", "start", "check", "compare", "clean_up")
KILLS = (*STEPS[3:], *STEPS[:3])  # the order of the runs: the last ones find something to sweep
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


def keep(name: str, what: t.Any) -> None:
    """For people who want to know."""
    folder = pathlib.Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "tests/output/rehearsal"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(what, indent=2) + "\n", encoding="ascii")


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


@pytest.fixture(scope="module")
def left(host: Host) -> dict[str, dict[str, t.Any]]:
    """What there was after each kill, by the step, in the order of the runs, and then after the green one."""
    return {run: json.loads(host.file(f"{KILLED}/{run}.json").content_string) for run in (*KILLS, "green")}


@pytest.mark.parametrize("step", KILLS)
def test_a_rehearsal_is_killed_in_the_middle_of_each_step(host: Host, step: str) -> None:
    log = host.file(f"{KILLED}/{step}.log").content_string
    began = re.findall(r"^TASK \[lifeboat.dr.rehearsal : Begin the step (\w+)\]", log, re.MULTILINE)
    assert began == list(STEPS[: STEPS.index(step) + 1])
    assert f"End the step {step}]" not in log and "PLAY RECAP" not in log and "fatal: " not in log


def test_those_that_are_killed_leave_what_they_had(left: t.Any) -> None:
    journals = {step: (found["journal"] or {}).get("step") for step, found in left.items()}
    assert journals == {
        **{step: step for step in ("choose", "prove", "restore", "start", "check", "compare")},
        **dict.fromkeys(("clean_up", "preflight", "guard", "sweep"), "compare"),  # what is cleaned up is still there
        "green": None,
    }
    runs = [found["journal"]["run_id"] for found in left.values() if found["journal"]]
    assert len({*runs}) == 7, "each has its own, until it has swept"
    for step in ("restore", "start", "check", "compare", "clean_up", "preflight", "guard"):
        assert left[step]["servers"] and _scratch(left[step]), step
    for step in ("start", "check", "compare"):
        assert left[step]["application"], step


def test_each_sweeps_what_the_one_before_has_left(left: t.Any) -> None:
    swept = [step for step in KILLS if step not in ("preflight", "guard", "sweep")] + ["green"]
    for before, after in zip(swept, swept[1:], strict=False):
        for kind in ("servers", "mounts"):
            assert not {*left[before][kind]} & {*left[after][kind]}, (before, after)
        assert not {*_scratch(left[before])} & {*_scratch(left[after])}, (before, after)
        assert left[before]["application"] != left[after]["application"] or not left[after]["application"]
    for step in ("preflight", "guard"):
        assert left[step] == left["clean_up"], "before it sweeps, nobody has touched it"
    assert not left["sweep"]["servers"]


def _scratch(found: dict[str, t.Any]) -> list[str]:
    return [path for path in found["folders"] if "lifeboat-scratch-" in path]


def test_after_all_of_them_one_passes_and_nothing_is_left(reports: t.Any, left: t.Any) -> None:
    (finding,) = reports["green"]["findings"]
    assert left["sweep"]["journal"]["run_id"] in finding and "was killed in its step compare" in finding
    assert not any(left["green"].values()), left["green"]


def test_how_long_the_killed_ones_took_is_kept(host: Host) -> None:
    keep("killed.json", int(host.file(f"{KILLED}/seconds").content_string))


def test_a_page_with_an_error_is_red(reports: t.Any) -> None:
    broken = reports["broken"]
    assert broken["verdict"] == "failed" and not broken["findings"]
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
    keep("seconds.json", seconds)
    assert min(seconds.values()) >= 0
