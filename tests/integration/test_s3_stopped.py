# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""s3_replication that is stopped in the middle: it says what stays, and goes on when it is run again."""

from __future__ import annotations

import json
import pathlib
import signal
import typing as t

import pytest

from tests.integration.bucket_pairs import Pair, versioned_pair
from tests.integration.jetstream_place import wait_for
from tests.integration.modules import result_of, start_module
from tests.lab.faultproxy import FaultProxy
from tests.lab.objectstore import ObjectStore

_OBJECTS, _SIZE = 60, 400_000
_PLAIN = {"rules": None, "lifecycle": None, "object_lock": None, "role_arn": None}


@pytest.fixture
def pair(object_store: ObjectStore, tmp_path: pathlib.Path) -> t.Iterator[Pair]:
    with versioned_pair(object_store, tmp_path) as pair:
        yield pair


@pytest.mark.parametrize("state", ["resynced", "failed_back"])
def test_an_action_that_is_stopped_says_that_what_was_done_stays_and_the_next_one_goes_on(
    pair: Pair, state: str
) -> None:
    origin, target = (pair.source, pair.destination) if state == "resynced" else (pair.destination, pair.source)
    for number in range(_OBJECTS):
        pair.store.write(origin, f"chunks/{number:03}", bytes(_SIZE))
    options = pair.options(
        **_PLAIN, state=state, prefix="chunks/", parallel=2, **({"method": "stream"} if state == "resynced" else {})
    )
    with FaultProxy(pair.store.port) as proxy:
        proxy.slow_down(2_000_000)
        process = start_module(
            "s3_recover", {**options, "destination": pair.side(pair.destination, endpoint_url=proxy.endpoint_url)}
        )
        wait_for(lambda: proxy.bytes_up + proxy.bytes_down > 5 * _SIZE, "some objects are copied")
        process.send_signal(signal.SIGTERM)
        result = result_of(process, timeout=60)
    (journal,) = pathlib.Path(pair.state_dir).glob("s3@*.jsonl")
    assert result["failed"] and result["msg"] == (
        f"The module was stopped (SIGTERM). What was done stays, and is in the journal {journal}. Run it again: it "
        "goes on from there."
    )
    assert [json.loads(line) for line in journal.read_text(encoding="ascii").splitlines()][1:]
    there = len(pair.store.client.list_objects_v2(Bucket=target)["Contents"])
    assert 0 < there < _OBJECTS
    copied = pair.run(**_PLAIN, state=state, prefix="chunks/")["copied"]["objects"]
    assert copied == _OBJECTS - there
