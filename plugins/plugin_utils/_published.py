# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the writers of heartbeats have published of the other stores, as far as it can be believed. Pure.

A writer that is silent itself says nothing of its store: one that died an hour before the region must not make an hour
of loss look like seconds. Nor does one whose clock is not ours.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

_SILENT = datetime.timedelta(minutes=1)  # a writer that is alive tries more often


_OF_POSITION = ("offset", "at", "beats")  # what the modules of the stores take


def published_of(files: t.Mapping[str, str], now: datetime.datetime) -> dict[str, dict[str, t.Any]]:
    """``known``, the last position of each store that was published, and ``why`` nothing is known of the others.

    ``files`` are the contents of the files by store, in base64.
    """
    known: dict[str, t.Any] = {}
    why: dict[str, str] = {}
    for store, content in files.items():
        facts, reason = _believed(content, now)
        if reason:
            why[store] = reason
        else:
            known[store] = _position(facts)
    return {"known": known, "why": why}


def _believed(content: str, now: datetime.datetime) -> tuple[dict[str, t.Any], str]:
    """The facts of the last beat, or why they say nothing."""
    try:
        found = read_json(base64.b64decode(content, validate=True))
        tried = datetime.datetime.fromisoformat(str(found["tried_at"]).replace("Z", "+00:00"))
        facts = dict(found["facts"])
    except (binascii.Error, KeyError, TypeError, ValueError):
        return {}, "nothing was published"
    if tried.tzinfo is None or not facts:
        return {}, "nothing was published"
    if now - tried > _SILENT:
        return {}, f"the writer of the heartbeat is silent itself, since {found['tried_at']}"
    if tried - now > _SILENT:
        return {}, f"the writer's clock is not ours: it says that it tried at {found['tried_at']}"
    return facts, ""


def _position(facts: dict[str, t.Any]) -> dict[str, t.Any]:
    """The facts as the module of the store takes them: of streams, the position of each."""
    if isinstance(facts.get("streams"), dict):
        return dict(facts["streams"])
    return {name: value for name, value in facts.items() if name in _OF_POSITION}
