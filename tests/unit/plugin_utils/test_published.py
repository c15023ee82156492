# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the writers of heartbeats have published, as far as it can be believed."""

from __future__ import annotations

import base64
import datetime
import json
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.plugin_utils._published import published_of

NOW = datetime.datetime(2026, 11, 30, 3, 0, tzinfo=datetime.UTC)


def file(facts: dict[str, t.Any], tried: str = "2026-11-30T02:59:58Z") -> str:
    document = {"schema": "lifeboat.heartbeat/1", "counter": 7, "tried_at": tried, "error": "", "facts": facts}
    return base64.b64encode(json.dumps(document).encode()).decode()


def test_each_store_gets_what_its_module_takes() -> None:
    found = published_of(
        {
            "sessions": file({"offset": 7, "at": "then", "replication_id": "x"}),
            "events": file({"at": "then", "streams": {"ORDERS": {"last_sequence": 3, "at": "then"}}}),
            "chunks": file({"at": "then", "beats": [{"counter": 7, "at": "then"}]}),
        },
        NOW,
    )
    assert found["known"] == {
        "sessions": {"offset": 7, "at": "then"},
        "events": {"ORDERS": {"last_sequence": 3, "at": "then"}},
        "chunks": {"at": "then", "beats": [{"counter": 7, "at": "then"}]},
    }
    assert found["why"] == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (file({"offset": 7}, "2026-11-30T02:58:59Z"), "silent itself, since 2026-11-30T02:58:59Z"),
        (file({"offset": 7}, "2026-11-30T04:00:00Z"), "clock is not ours"),
        (file({"offset": 7}, "2026-11-30T03:00:00"), "nothing was published"),
        (file({}), "nothing was published"),
        ("e30=", "nothing was published"),
        ("!", "nothing was published"),
        (base64.b64encode(b"[]").decode(), "nothing was published"),
    ],
)
def test_what_cannot_be_believed_is_unknown_and_says_why(content: str, why: str) -> None:
    found = published_of({"sessions": content}, NOW)
    assert found["known"] == {} and why in found["why"]["sessions"]
