# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a mirror is behind, and what becomes of its configuration: unknown is never 0."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _mirror
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._mirror import End

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
ORIGIN: dict[str, t.Any] = {
    "name": "ORDERS",
    "subjects": ["orders.>"],
    "retention": "limits",
    "num_replicas": 3,
    "duplicate_window": 7,
    "max_msgs": 5,
    "metadata": {"team": "shop", "_nats.level": "3"},
}


def ago(seconds: float) -> datetime.datetime:
    return NOON - datetime.timedelta(seconds=seconds)


def test_the_loss_begins_with_the_oldest_message_that_is_missing() -> None:
    lag = _mirror.measure(End(90, ago(3600)), End(100, NOON), None, first_missing=ago(4))
    assert (lag.word, lag.loss_messages, lag.loss_seconds) == ("catching up", 10, 4.0)
    lag = _mirror.measure(End(100, None), End(100, NOON), None)
    assert (lag.word, lag.loss_messages, lag.loss_seconds) == ("current", 0, 0.0)


@pytest.mark.parametrize(
    ("mirror", "origin", "published"),
    [(End(9, NOON), None, None), (End(9, None), End(10, NOON), None), (End(9, NOON), None, End(10, None))],
)
def test_what_nobody_knows_is_null(mirror: End, origin: End | None, published: End | None) -> None:
    assert _mirror.measure(mirror, origin, published).loss_seconds is None


def test_what_was_published_counts_only_without_the_origin() -> None:
    assert _mirror.measure(End(9, ago(5)), None, End(12, NOON)).loss_seconds == 5.0
    assert _mirror.measure(End(9, ago(5)), End(9, NOON), End(12, NOON)).loss_messages == 0


def test_a_promoted_mirror_has_what_its_origin_had() -> None:
    mirror = _mirror.mirror_config(ORIGIN, {"api": "$JS.hub.API"})
    assert mirror["mirror"] == {"name": "ORDERS", "external": {"api": "$JS.hub.API"}}
    assert "subjects" not in mirror and "duplicate_window" not in mirror and mirror["max_msgs"] == 5
    assert _mirror.remembered_subjects(mirror) == ["orders.>"]
    promoted = _mirror.promoted_config({**mirror, "mirror_direct": True}, ["orders.>"], "run-1", 42)
    assert "mirror" not in promoted and promoted["subjects"] == ["orders.>"] and promoted["duplicate_window"] == 7
    assert promoted["allow_direct"] and not promoted["mirror_direct"]
    assert promoted["metadata"] == {"team": "shop", "lifeboat.promoted.by": "run-1", "lifeboat.promoted.sequence": "42"}
    assert _mirror.only_here(End(45), promoted)[0] == 3 and _mirror.only_here(End(40), promoted)[0] == 0
    assert _mirror.only_here(End(45), ORIGIN)[0] is None


def test_a_fence_is_lifted_without_a_trace_and_does_not_forget_the_subjects_when_set_twice() -> None:
    fenced = _mirror.fenced_config(ORIGIN)
    assert fenced["subjects"] == ["lifeboat.fenced.ORDERS"] and _mirror.is_fenced(fenced)
    assert _mirror.unfenced_config(_mirror.fenced_config(fenced)) == {**ORIGIN, "metadata": {"team": "shop"}}
    assert _mirror.remembered_subjects(_mirror.mirror_config(fenced, None)) == ["orders.>"]


def test_a_stream_without_subjects_listens_to_its_name_and_a_mirror_to_nothing() -> None:
    assert _mirror.subjects_of({"name": "A"}) == ["A"]
    assert _mirror.subjects_of({"name": "A", "mirror": {"name": "B"}}) == []


@pytest.mark.parametrize(("subject", "probe"), [("a.*.c.>", "a.lifeboat-probe.c.lifeboat-probe"), ("a", "a")])
def test_the_probe_matches_the_subject(subject: str, probe: str) -> None:
    assert _mirror.probe_subject([subject, "other"]) == probe


def test_a_consumer_begins_behind_what_was_acknowledged() -> None:
    config = {"durable_name": "c", "ack_policy": "explicit", "deliver_policy": "all", "metadata": {"_nats.ver": "2"}}
    resumed = _mirror.resumed_consumer(config, 7, 9)
    assert (resumed["opt_start_seq"], resumed["deliver_policy"], resumed["metadata"]) == (8, "by_start_sequence", {})
    assert _mirror.resumed_consumer({**config, "ack_policy": "none"}, 0, 9)["opt_start_seq"] == 10


@pytest.mark.parametrize("metadata", [None, {}, {"lifeboat.origin": "7"}, {"lifeboat.origin": "not JSON"}])
def test_metadata_of_somebody_else_are_no_subjects(metadata: t.Any) -> None:
    assert _mirror.remembered_subjects({"name": "A", "mirror": {"name": "A"}, "metadata": metadata}) == []
