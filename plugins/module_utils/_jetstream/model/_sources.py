# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Where the sources of a restored stream go on. Pure.

A server notes in each message that it took from a source which one that was, and its sequence there: the header
``Nats-Stream-Source: <stream>[:<hash>] <sequence> <filters> <destinations> <subject>`` (server/stream.go,
``genSourceHeader``; before 2.10 the stream and the sequence alone). Servers of 2.15 do not look for it after a restore,
and take all that the source holds once more, whether the sources come with the archive or afterwards (2.15.1).
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import Message

_SOURCE = re.compile(rb"\r\nNats-Stream-Source: *([^\r\n]+?) *\r\n", re.IGNORECASE)
_ALL = ">"
_MANY = "\f"  # between several filters
Key = tuple[str, str, str]  # stream, filters, destinations


def taken(messages: t.Iterable[Message]) -> dict[Key, int]:
    """The last sequence that was taken from each source. ``messages`` are all of an archive, also deleted ones."""
    found: dict[Key, int] = {}
    for message in messages:
        match = _SOURCE.search(message.headers)
        fields = match[1].decode("utf-8", "replace").split(" ") if match else []
        if len(fields) < 2 or not (fields[1].isascii() and fields[1].isdigit() and len(fields[1]) < 20):
            continue
        name = fields[0].partition(":")[0]
        key = (name, fields[2], fields[3]) if len(fields) > 3 else (name, "", "")
        found[key] = max(found.get(key, 0), int(fields[1]))
    return found


def continued(sources: t.Iterable[t.Mapping[str, t.Any]], last: t.Mapping[Key, int]) -> list[dict[str, t.Any]]:
    """The sources, each beginning behind the last message that was taken from it."""
    result = []
    for source in sources:
        name, *_rest = key = _key(source)
        after = max(last.get(key, 0), last.get((name, "", ""), 0))
        one = dict(source)
        if after:
            one.pop("opt_start_time", None)
            one["opt_start_seq"] = max(after + 1, int(one.get("opt_start_seq") or 0))
        result.append(one)
    return result


def _key(source: t.Mapping[str, t.Any]) -> Key:
    transforms = source.get("subject_transforms") or []
    if not transforms:
        return str(source.get("name")), str(source.get("filter_subject") or _ALL), _ALL
    filters, destinations = (_MANY.join(str(one.get(part) or _ALL) for one in transforms) for part in ("src", "dest"))
    return str(source.get("name")), filters, destinations
