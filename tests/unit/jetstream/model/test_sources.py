# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources of a restored stream go on behind what it has."""

from __future__ import annotations

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model import _sources
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message


def sourced(value: str) -> Message:
    return Message(1, 0, b"s", f"NATS/1.0\r\nNats-Stream-Source: {value}\r\n\r\n".encode(), b"")


def test_each_source_goes_on_behind_its_own_last_message() -> None:
    last = _sources.taken(
        [
            sourced("A 7 > > a.x"),
            sourced("A 5 > > a.y"),
            sourced("B:hash 40 b.x > b.x"),
            sourced("B 3 b.y > b.y"),
            sourced("C 9 c.a\fc.b d.a\fd.b c.a"),
            sourced("OLD 12"),
            sourced("A nonsense > > a"),
            sourced("A 99999999999999999999999 > > a"),
            Message(2, 0, b"own", b"", b"Nats-Stream-Source: A 1000 > > a"),
        ]
    )
    transforms = [{"src": "c.a", "dest": "d.a"}, {"src": "c.b", "dest": "d.b"}]
    sources = [
        {"name": "A", "opt_start_time": "2026-01-01T00:00:00Z"},
        {"name": "B", "filter_subject": "b.x", "external": {"api": "$JS.hub.API"}},
        {"name": "B", "filter_subject": "b.y", "opt_start_seq": 100},
        {"name": "B", "filter_subject": "b.z"},
        {"name": "C", "subject_transforms": transforms},
        {"name": "OLD"},
        {"name": "NEVER", "opt_start_seq": 5},
    ]
    after = [one.get("opt_start_seq") for one in _sources.continued(sources, last)]
    assert after == [8, 41, 100, None, 10, 13, 5]
    assert "opt_start_time" not in _sources.continued(sources, last)[0] and "opt_start_seq" not in sources[0]
