# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a manifest says of its streams may come from anybody who can write to a repository: it is taken as a server
writes it, or refused as damaged. Nothing else may leave here.
"""

from __future__ import annotations

import contextlib
import copy
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._records import to_plain
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import (
    Consumer,
    JetStreamContent,
    Stream,
    content_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

STATE = {"messages": 3, "bytes": 30, "first_seq": 1, "last_seq": 3}
STREAM = Stream(
    *("GH", "stream", "", "streams/GH", "snapshot", "v1", "2026-01-15T10:00:00Z"),
    {"name": "GH", "subjects": ["gh.>"], "max_age": 0, "metadata": {"a": "b"}, "sources": None},
    *(STATE, STATE, STATE, 3, 30, 1, 3, "ab", "numpy", 300),
    consumers=(Consumer("billing", {"durable_name": "billing"}, {"stream_seq": 2}, {"stream_seq": 1}),),
)
CONTENT = JetStreamContent("2.14.6", False, "127.0.0.1", "", {}, "rebuild", (STREAM,))


def plain() -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", copy.deepcopy(to_plain(CONTENT)))


def test_what_a_server_writes_is_taken() -> None:
    assert content_of(plain(), "the manifest") == CONTENT


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("name",), "../../x"),
        (("name",), "x\r\nPUB a 1\r\nx"),
        (("name",), ""),
        (("consumers", 0, "name"), "a/../b"),
        (("consumers", 0, "ack_floor", "stream_seq"), "7"),
        (("state", "last_seq"), [1]),
        (("state_after", "messages"), 1.5),
        (("config", "max_age"), "1h"),
        (("config", "num_replicas"), True),
        (("config", "subjects"), {"a": 1}),
        (("config", "metadata"), ["x"]),
        (("config", "mirror"), "ORDERS"),
        (("config", "sources"), ["ORDERS"]),
    ],
)
def test_what_no_server_writes_is_refused_as_damaged(path: tuple[t.Any, ...], value: t.Any) -> None:
    document = plain()
    place = document["streams"][0]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(DamagedError, match="says about its streams is damaged"):
        content_of(document, "the manifest")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(sorted(to_plain(STREAM))), _JSON)
def test_nothing_but_damage_leaves_here(key: str, value: t.Any) -> None:
    document = plain()
    document["streams"][0][key] = value
    with contextlib.suppress(DamagedError):
        content_of(document, "the manifest")
