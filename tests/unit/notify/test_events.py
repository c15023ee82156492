# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which events the outcomes of runs amount to, one run after the other, and how they are said."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.filter.run_outcomes import run_outcomes
from ansible_collections.lifeboat.dr.plugins.filter.status_outcomes import status_outcomes
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._event import (
    REMIND_SECONDS,
    STATES,
    Event,
    Known,
    Outcome,
    kinds_of,
    known_after,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._mail import mail_of
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._memory import read_memory, write_memory
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._options import wanted
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._send import Delivery
from ansible_collections.lifeboat.dr.plugins.module_utils._work._notification import _unheard, chosen
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples


class Runs:
    """Runs of one job, one after the other, with what is remembered between them."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}
        self.now = 1e9

    def run(self, *, after: float = 3600, heard: bool = True, **states: str) -> dict[str, list[str]]:
        """The events of a run so many seconds later, each with the names of its components. ``heard``: a channel took
        them.
        """
        self.now += after
        outcomes = [Outcome(name, state) for name, state in states.items()]
        events = kinds_of(outcomes, self.known, self.now)
        said = {outcome.name for about in events.values() for outcome in about}
        self.known = known_after(outcomes, self.known, said, self.now, () if heard else said)
        return {kind: [outcome.name for outcome in about] for kind, about in events.items()}


def test_a_failure_is_said_each_time_and_its_end_is_a_recovery_once() -> None:
    runs = Runs()
    assert runs.run(a="good", b="good") == {"success": ["a", "b"]}
    assert runs.run(a="failed", b="good") == {"failure": ["a"]}
    assert runs.run(a="failed", b="good") == {"failure": ["a"]}
    assert runs.run(a="good", b="good") == {"recovery": ["a"]}
    assert runs.run(a="good", b="good") == {"success": ["a", "b"]}


def test_what_is_overdue_is_said_once_and_then_once_a_day_until_it_recovers() -> None:
    runs = Runs()
    assert runs.run(a="overdue") == {"overdue": ["a"]}
    assert [runs.run(a="overdue") for _hour in range(22)] == [{}] * 22
    assert runs.run(a="overdue", after=2 * 3600) == {"overdue": ["a"]}
    assert runs.run(a="overdue") == {}
    assert runs.run(a="good") == {"recovery": ["a"]}


@pytest.mark.parametrize("state", ["good", "overdue"])
def test_what_nobody_took_is_said_again_by_the_next_run_until_somebody_does(state: str) -> None:
    runs = Runs()
    runs.run(a="failed")
    news = {"good": {"recovery": ["a"]}, "overdue": {"overdue": ["a"]}}[state]
    assert [runs.run(a=state, heard=False) for _hour in range(3)] == [news] * 3
    assert runs.run(a=state) == news
    assert runs.run(a=state) == ({"success": ["a"]} if state == "good" else {})


def test_a_failure_that_nobody_took_is_followed_by_a_recovery_all_the_same() -> None:
    runs = Runs()
    runs.run(a="failed", heard=False)
    assert runs.run(a="good") == {"recovery": ["a"]}


def test_an_event_is_unheard_where_every_channel_that_wanted_it_failed_and_nowhere_else() -> None:
    events = {
        kind: Event(kind, "shop", "backup", "db1", "", (Outcome(kind, "good"),)) for kind in ("recovery", "success")
    }
    lost = Delivery("hook", "webhook", "recovery")
    assert _unheard(events, []) == set(), "nobody wanted them"
    assert _unheard(events, [lost]) == {"recovery"}
    assert _unheard(events, [lost, Delivery("mail", "email", "recovery", sent=True)]) == set()


def test_one_that_fails_while_another_recovers_gives_both_events() -> None:
    runs = Runs()
    runs.run(a="failed", b="good")
    assert runs.run(a="good", b="failed") == {"failure": ["b"], "recovery": ["a"]}


def test_a_clock_that_was_set_back_does_not_silence_what_is_overdue() -> None:
    runs = Runs()
    runs.run(a="overdue")
    assert runs.run(a="overdue", after=-REMIND_SECONDS) == {"overdue": ["a"]}


@settings(max_examples=examples(200))
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from(STATES), max_size=3), max_size=8))
def test_each_failure_is_said_and_nothing_recovers_that_was_not_bad(history: list[dict[str, str]]) -> None:
    runs, bad = Runs(), set[str]()
    for states in history:
        events = runs.run(**states)
        assert set(events.get("failure", [])) == {name for name, state in states.items() if state == "failed"}
        good = {name for name, state in states.items() if state == "good"}
        assert set(events.get("recovery", [])) == good & bad
        assert ("success" in events) == bool(good and good == set(states) and not good & bad)
        bad = (bad - good) | (set(states) - good)


SLACK: dict[str, t.Any] = {"type": "slack"}
SWITCH: dict[str, t.Any] = {"type": "healthchecks"}


def an_event(kind: str = "failure", **more: t.Any) -> Event:
    outcomes = (Outcome("codex", "failed", "no room\non /srv"),) if kind != "test" else ()
    return Event(kind, "shop", "backup", "db1", "2026-11-30T02:00:00Z", outcomes, **more)


def test_success_is_said_only_to_those_who_ask_and_to_a_dead_mans_switch() -> None:
    events = {"success": an_event("success")}
    channels = [SLACK, {**SLACK, "events": ["success"]}, SWITCH]
    assert [channel for channel, _event in chosen(channels, events, "backup")] == channels[1:]


def test_a_dead_mans_switch_hears_of_one_job_and_of_a_failure_alone_where_something_else_recovers() -> None:
    events = {"failure": an_event(), "recovery": an_event("recovery")}
    assert [event.kind for _channel, event in chosen([SWITCH], events, "backup")] == ["failure"]
    assert [event.kind for _channel, event in chosen([SLACK], events, "backup")] == ["failure", "recovery"]
    assert chosen([SWITCH], events, "prune") == []
    assert wanted({**SWITCH, "jobs": ["rehearsal"]}, "success", "rehearsal")
    assert not wanted({**SLACK, "jobs": ["rehearsal"]}, "failure", "backup")
    assert wanted({**SLACK, "jobs": ["rehearsal"]}, "test", "backup")


def test_a_person_reads_who_what_when_where_and_the_end_of_the_log() -> None:
    event = an_event(log=tuple(f"line {number}" for number in range(100)), labels=(("team", "shop"),))
    text = event.text(2)
    assert event.subject == "shop: backup of codex FAILED on db1"
    overdue = dataclasses.replace(event, kind="overdue", job="status")
    assert overdue.subject == "shop: codex OVERDUE on db1"
    assert dataclasses.replace(overdue, kind="recovery").subject == "shop: codex works again on db1"
    for words in ("2026-11-30T02:00:00Z", "team       shop", "codex: failed", "  no room\n  on /srv", "  line 99"):
        assert words in text
    assert "line 97" not in text and "line 99" not in event.text(0)
    assert an_event("test").subject == "shop: the notification is only tested on db1"


def test_what_a_terminal_or_a_mail_would_obey_is_only_shown() -> None:
    hostile = Event("failure", "shop", "backup", "db1", "now", (Outcome("codex", "failed", "a\x1b[2J\r\nBcc: x@y"),))
    assert "\x1b" not in hostile.text(0) and "\r" not in hostile.text(0)
    mail = mail_of(Event("failure", "shop", "backup", "db1\r\nBcc: x@y", "now"), "a@b", ["c@d"], 0)
    assert mail["Bcc"] is None and "\n" not in mail["Subject"]


def test_a_machine_reads_the_same_and_a_long_message_is_cut() -> None:
    event = Event("failure", "shop", "backup", "db1", "now", (Outcome("codex", "failed", "x" * 5000),), log=("end",))
    document = json.loads(json.dumps(event.document(5)))
    assert (document["schema"], document["event"], document["key"]) == (
        "lifeboat.notification/1",
        "failure",
        "shop/backup/db1",
    )
    assert len(document["components"][0]["reason"]) < 2100 and document["log"] == ["end"]


def test_what_was_said_is_read_back_and_only_the_account_may_read_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "state" / "shop@backup@notified"
    assert read_memory(str(path)) == {}
    write_memory(str(path), {"a": Known("failed", 5.0)})
    write_memory(str(path), {"a": Known("good", 6.0)})
    assert read_memory(str(path)) == {"a": Known("good", 6.0)}
    assert path.stat().st_mode & 0o777 == 0o600 and os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": 1}', b'{"a": {"state": "good"}}', b"\xff"])
def test_what_cannot_be_read_is_said_and_not_believed(tmp_path: pathlib.Path, content: bytes) -> None:
    path = tmp_path / "memory"
    path.write_bytes(content)
    with pytest.raises(LifeboatError, match="what was said before is not known"):
        read_memory(str(path))


def test_a_link_in_the_place_of_the_memory_is_not_followed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "precious").write_text("{}")
    (tmp_path / "memory").symlink_to(tmp_path / "precious")
    with pytest.raises(LifeboatError):
        read_memory(str(tmp_path / "memory"))
    write_memory(str(tmp_path / "memory"), {})
    assert (tmp_path / "precious").read_text() == "{}" and not (tmp_path / "memory").is_symlink()


def test_the_outcomes_of_a_loop_are_those_that_ran() -> None:
    results = [{"item": "a"}, {"item": "b", "failed": True, "msg": "why "}, {"item": "c", "skipped": True}]
    assert run_outcomes({"results": results}) == [
        {"name": "a", "state": "good", "reason": ""},
        {"name": "b", "state": "failed", "reason": "why"},
    ]
    assert run_outcomes({"skipped": True}, "item", ["young"]) == [{"name": "young", "state": "good", "reason": ""}]


def test_of_a_status_what_is_late_is_overdue_and_nothing_is_said_of_what_was_not_seen() -> None:
    late = {"code": "too_old", "message": "It is old.", "next_step": "Run it."}
    status = {
        "components": [
            {"component": "a", "state": "bad", "problems": [late]},
            {"component": "b", "state": "warning", "problems": [{**late, "code": "size_changed"}]},
            {"component": "c", "state": "unknown", "problems": []},
            {"component": "d", "state": "bad", "problems": [{**late, "code": "proof_failed"}]},
            {"component": "e", "state": "bad", "problems": [{**late, "code": "log_hole"}]},
        ]
    }
    assert status_outcomes(status) == [
        {"name": "a", "state": "overdue", "reason": "It is old. Run it."},
        {"name": "b", "state": "good", "reason": ""},
        {"name": "d", "state": "overdue", "reason": "It is old. Run it."},
        {"name": "e", "state": "overdue", "reason": "It is old. Run it."},
    ]
    assert status_outcomes({"failed": True}) == []
