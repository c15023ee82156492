# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The configuration of a stream's copy in a scratch place, and what it goes without. Pure."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream


def scratch_config(stream: Stream, metadata: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The configuration of a stream's copy in the scratch place.

    Only what takes part in reading it: no limit (a server applies limits while it restores, so an old backup would come
    back empty), no mirror and no source (it would fetch from elsewhere), no republishing, no schedules, no time to
    live, no replicas. On disk, because a v1 archive that is restored into memory gives nothing, without an error.
    Nobody has to acknowledge before a message may be read, so a work queue becomes an ordinary stream.
    """
    config: dict[str, t.Any] = {
        "name": stream.name,
        "subjects": list(stream.config.get("subjects") or ()) or [f"lifeboat.scratch.{stream.name}"],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "num_replicas": 1,
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_age": 0,
        "max_msgs_per_subject": -1,
        "max_msg_size": -1,
    }
    return {**config, "metadata": dict(metadata)} if metadata else config


def left_out(stream: Stream) -> list[str]:
    """The keys of a stream's configuration that its scratch copy goes without, and that would act on messages."""
    limits = {"max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msgs_per_subject": -1}
    acting = (
        "mirror",
        "sources",
        "republish",
        "subject_transform",
        "allow_msg_ttl",
        "subject_delete_marker_ttl",
        "allow_msg_schedules",
    )
    found = [key for key, none in limits.items() if stream.config.get(key, none) not in (none, 0)]
    found += [key for key in acting if stream.config.get(key)]
    if stream.config.get("retention", "limits") != "limits":
        found.append(f"retention {stream.config['retention']}")
    if stream.config.get("storage") == "memory":
        found.append("storage memory")
    return found
