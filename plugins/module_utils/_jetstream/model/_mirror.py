# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Mirrors of streams: how far behind one is, and what its configuration becomes when it is promoted or fenced. Pure.

A mirror has its origin's sequence numbers, so the two can be compared message by message. It has no subjects; those of
its origin are kept in its metadata, for the night on which the origin cannot be asked.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

PROMOTABLE_SINCE = (2, 12, 0)  # nats-server PR 7171: an update may take the mirror away
ORIGIN = "lifeboat.origin"
FENCED_SUBJECTS = "lifeboat.fenced.subjects"
PROMOTED_BY = "lifeboat.promoted.by"
PROMOTED_AT = "lifeboat.promoted.sequence"
CURRENT, CATCHING_UP, UNKNOWN, PRIMARY = "current", "catching up", "unknown", "primary"
# A mirror keeps all messages: it does not learn which were acknowledged (seen with 2.12.8 and 2.15.1).
_MIRRORED_WELL = "limits"
_KEPT_FOR_LATER = ("subjects", "duplicate_window", "republish", "subject_transform")  # what a mirror cannot have itself
_NOT_OF_A_MIRROR = (*_KEPT_FOR_LATER, "mirror", "sources", "sealed")
Config = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class End:
    """How far a stream has come: its last sequence, and the time of that message."""

    sequence: int
    at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Lag:
    """What a promotion would lose. None: nobody knows."""

    word: str
    loss_messages: int | None
    loss_seconds: float | None
    because: str


def measure(
    mirror: End, origin: End | None, published: End | None, first_missing: datetime.datetime | None = None
) -> Lag:
    """The lag of a mirror. ``origin`` is None when it does not answer; ``first_missing`` is when the oldest message
    that the mirror lacks was stored in the origin.
    """
    newest = origin or published
    if newest is None:
        return Lag(UNKNOWN, None, None, "the origin does not answer, and nothing of it was published")
    lost = max(0, newest.sequence - mirror.sequence)
    word = UNKNOWN if origin is None else CATCHING_UP if lost else CURRENT
    if not lost:
        known = "that the origin has" if origin else "up to the position that was published"
        return Lag(word, 0, 0.0, f"it has every message {known}")
    since = first_missing or mirror.at
    if newest.at is None or since is None:
        return Lag(word, lost, None, "the times of the messages are not known")
    return Lag(word, lost, max(0.0, (newest.at - since).total_seconds()), "the times of the messages were compared")


def unmirrored_reason(config: Config) -> str:
    """Why a mirror of this stream would not be what its origin is; empty where it would."""
    if config.get("mirror"):
        return "it is a mirror itself"
    if config.get("retention", _MIRRORED_WELL) != _MIRRORED_WELL:
        return f"its retention is {config['retention']}, and a mirror does not learn which messages were acknowledged"
    return ""


def mirror_config(origin: Config, external: t.Mapping[str, str] | None) -> dict[str, t.Any]:
    """The configuration of a mirror of this stream, of the same name and limits."""
    config = {name: value for name, value in origin.items() if name not in _NOT_OF_A_MIRROR}
    mirror: dict[str, t.Any] = {"name": origin["name"]}
    if external:
        mirror["external"] = dict(external)
    own = {name: value for name, value in (origin.get("metadata") or {}).items() if not name.startswith("_nats.")}
    kept = {name: origin[name] for name in _KEPT_FOR_LATER if origin.get(name)}
    metadata = {**own, ORIGIN: json.dumps({**kept, "subjects": subjects_of(origin)}, sort_keys=True)}
    return {**config, "mirror": mirror, "mirror_direct": False, "num_replicas": 1, "metadata": metadata}


def subjects_of(config: Config) -> list[str]:
    """The subjects that a stream listens to, those that a fence has put aside included."""
    aside = _texts((config.get("metadata") or {}).get(FENCED_SUBJECTS))
    by_default = [] if config.get("mirror") else [config["name"]]
    return aside or [str(subject) for subject in config.get("subjects") or by_default]


def remembered_subjects(mirror: Config) -> list[str]:
    """The origin's subjects, as the mirror's metadata has them; empty where it has none."""
    return [str(subject) for subject in _remembered(mirror).get("subjects") or []]


def promoted_config(mirror: Config, subjects: t.Sequence[str], by: str, sequence: int) -> dict[str, t.Any]:
    """The configuration of the mirror as a stream that takes messages itself; ``sequence`` is its last one as yet."""
    config = {name: value for name, value in mirror.items() if name != "mirror"}
    direct = bool(mirror.get("allow_direct") or mirror.get("mirror_direct"))
    metadata = {name: value for name, value in _metadata(mirror).items() if name != ORIGIN}
    return {
        **config,
        **_remembered(mirror),
        "subjects": list(subjects),
        "allow_direct": direct,
        "mirror_direct": False,
        "metadata": {**metadata, PROMOTED_BY: by, PROMOTED_AT: str(sequence)},
    }


def only_here(left: End, serving: Config) -> tuple[int | None, str]:
    """How many messages a stream that was left has and the one that serves, a promoted mirror of it, never got, and why
    so. None: nobody knows.
    """
    try:
        parted_at = int((serving.get("metadata") or {})[PROMOTED_AT])
    except (KeyError, TypeError, ValueError):
        return None, "the stream that serves does not say with which message its promotion began"
    return max(0, left.sequence - parted_at), f"they parted behind the message {parted_at}"


def is_fenced(config: Config) -> bool:
    """Whether its subjects were put aside."""
    return FENCED_SUBJECTS in (config.get("metadata") or {})


def fenced_config(config: Config) -> dict[str, t.Any]:
    """The stream with a subject that nobody publishes to; its own are kept in its metadata."""
    metadata = {**_metadata(config), FENCED_SUBJECTS: json.dumps(subjects_of(config))}
    return {**config, "subjects": [f"lifeboat.fenced.{config['name']}"], "metadata": metadata}


def unfenced_config(config: Config) -> dict[str, t.Any]:
    """The stream with its own subjects again."""
    metadata = {name: value for name, value in _metadata(config).items() if name != FENCED_SUBJECTS}
    return {**config, "subjects": subjects_of(config), "metadata": metadata}


def probe_subject(subjects: t.Sequence[str]) -> str:
    """A subject that the first of these matches."""
    return ".".join("lifeboat-probe" if token in ("*", ">") else token for token in subjects[0].split("."))


def resumed_consumer(config: Config, ack_floor: int, delivered: int) -> dict[str, t.Any]:
    """The consumer in the other region, which begins behind what was acknowledged: at least once, as ever.

    One that acknowledges nothing begins behind what was delivered.
    """
    done = delivered if config.get("ack_policy") == "none" else ack_floor
    kept = {name: value for name, value in config.items() if name not in ("opt_start_time", "pause_until")}
    own = {name: value for name, value in (kept.get("metadata") or {}).items() if not name.startswith("_nats.")}
    return {**kept, "deliver_policy": "by_start_sequence", "opt_start_seq": done + 1, "metadata": own}


def _metadata(config: Config) -> dict[str, t.Any]:
    return {name: value for name, value in (config.get("metadata") or {}).items() if not name.startswith("_nats.")}


def _remembered(mirror: Config) -> dict[str, t.Any]:
    found = _decoded((mirror.get("metadata") or {}).get(ORIGIN))
    return {name: found[name] for name in _KEPT_FOR_LATER if name in found} if isinstance(found, dict) else {}


def _texts(value: t.Any) -> list[str]:
    found = _decoded(value)
    return [str(one) for one in found] if isinstance(found, list) else []


def _decoded(value: t.Any) -> t.Any:
    try:
        return read_json(value or "null")
    except (TypeError, ValueError):
        return None
