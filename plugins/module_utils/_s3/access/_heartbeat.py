# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The heartbeat of a bucket: small objects, which are replicated like any others, and what their absence says.

Replication keeps no order: a younger object may arrive before an older one. So there is not one object but a ring of
them, and what counts is the oldest beat of the ring that has not arrived.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import run_program
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side, open_side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

PREFIX = "lifeboat/heartbeat/"
RING = 16
_MOST_BYTES = 1 << 10
_QUICK = {"connect_timeout": 5, "read_timeout": 5, "request_time_limit": 10, "retries": 1}


@dataclasses.dataclass(frozen=True)
class Beat:
    """One heartbeat."""

    counter: int
    at: datetime.datetime

    @property
    def key(self) -> str:
        """The object that holds it, until the ring has come round."""
        return f"{PREFIX}{self.counter % RING:02d}"


@dataclasses.dataclass(frozen=True)
class BucketLag:
    """What the other bucket lacks. None: nobody knows."""

    loss_seconds: float | None
    loss_beats: int | None
    because: str


class BucketBeater:
    """Writes heartbeats into a bucket. ``known`` are the last beats, where the writer was started again."""

    def __init__(self, side: Side, known: t.Sequence[Beat] = ()) -> None:
        self._side = side
        self._beats = list(known)

    def beat(self, counter: int) -> dict[str, t.Any]:
        """Store the object, and give the beats that the ring holds. Raises LifeboatError."""
        beat = Beat(counter, datetime.datetime.now(datetime.timezone.utc))
        body = json.dumps(as_plain(beat)).encode("ascii")
        self._side.call(
            "The heartbeat cannot be stored",
            lambda client: client.put_object(Bucket=self._side.bucket, Key=beat.key, Body=body),
        )
        others = [one for one in self._beats if one.key != beat.key]
        self._beats = [*others, beat][-RING:]
        return {"at": beat.at.isoformat(), "beats": [as_plain(one) for one in self._beats]}

    def close(self) -> None:
        """The client keeps nothing that has to be ended."""


def as_plain(beat: Beat) -> dict[str, t.Any]:
    """A beat as it is stored and published."""
    return {"counter": beat.counter, "at": beat.at.isoformat()}


def read_beats(option: str, values: t.Any) -> list[Beat]:
    """Beats that were published, the oldest first. Raises OptionError."""
    try:
        beats = [Beat(int(one["counter"]), datetime.datetime.fromisoformat(str(one["at"]))) for one in values or []]
        if any(beat.at.tzinfo is None for beat in beats):
            raise ValueError("a time has no zone")
    except (KeyError, TypeError, ValueError) as error:
        raise OptionError(
            f"{option} is not what a heartbeat of a bucket publishes: {error}.",
            hint="Write the facts of the file that s3_heartbeat publishes: {beats: [{counter: ..., at: ...}]}.",
        ) from None
    return sorted(beats, key=lambda beat: beat.counter)


def found_in(side: Side) -> list[Beat]:
    """The beats that a bucket holds. Raises LifeboatError."""
    listed = side.call(
        "The heartbeats cannot be listed",
        lambda client: client.list_objects_v2(Bucket=side.bucket, Prefix=PREFIX, MaxKeys=RING * 2),
    )
    return [beat for entry in listed.get("Contents") or [] for beat in _read(side, str(entry["Key"]))]


def _read(side: Side, key: str) -> list[Beat]:
    """The beat of one object; none where it is gone meanwhile, or is not a beat."""
    try:
        content = side.call(
            "A heartbeat cannot be read",
            lambda client: client.get_object(Bucket=side.bucket, Key=key)["Body"].read(_MOST_BYTES),
        )
        return read_beats(key, [read_json(content)])
    except (OptionError, ValueError):
        return []
    except S3Error as error:
        if error.not_found:
            return []
        raise


def lag_of(published: t.Sequence[Beat], found: t.Sequence[Beat]) -> BucketLag:
    """What a bucket lacks that has ``found``, of a source that ``published`` its last beats. Pure."""
    if not published:
        return BucketLag(None, None, "no heartbeat was published")
    there = {beat.counter % RING: beat.counter for beat in found}
    lacking = [beat for beat in published if there.get(beat.counter % RING, -1) < beat.counter]
    if not lacking:
        return BucketLag(0.0, 0, f"each of the last {len(published)} heartbeats has arrived")
    before = [beat for beat in published if beat.counter < lacking[0].counter]
    if not before:
        return BucketLag(None, None, f"the oldest of the last {len(published)} heartbeats has not arrived")
    seconds = (published[-1].at - before[-1].at).total_seconds()
    return BucketLag(max(0.0, seconds), len(lacking), "the heartbeats of both buckets were compared")


def beater_of(options: t.Mapping[str, t.Any], facts: t.Mapping[str, t.Any]) -> BucketBeater:
    """The writer of a bucket that the options describe; ``facts`` are those that were published last."""
    side = open_side("source", {**options, **_QUICK}, connections=1)
    return BucketBeater(side, read_beats("beats", facts.get("beats")))


def main(arguments: t.Sequence[str]) -> int:
    """Beat until a signal ends it. Gives the exit status."""
    return run_program(arguments, beater_of)
