# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Bringing back what was deleted: delete markers of a time window are removed, on both sides. No version of an object
is ever deleted.

Deleting an object in a bucket with versions only puts a marker over it. Removing the marker brings the object back at
the price of one request for 1,000 objects, with its version id, its date and its class. It is not replicated (S3 user
guide), so it is done on both sides.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import Pair, as_text
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import (
    ETAG,
    MODIFIED,
    SIZE,
    VERSION_ID,
    Row,
    parse_time,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import ABSENT, Wanted, version_of, wanted_of
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

SAME, COPY = "same", "copy"
_DIGITS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(rb"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
BATCH = 1000  # what DeleteObjects takes
_NOT_IN_XML = re.compile(
    "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # these, and a carriage return, do not survive a document
_LOCKED = ("AccessDenied", "InvalidRequest", "ObjectLocked")


@dataclasses.dataclass(frozen=True)
class Window:
    """When the deletions happened, both ends included.

    On the destination markers may be younger by ``lag``, where they come later.
    """

    after: datetime.datetime
    before: datetime.datetime
    lag: datetime.timedelta = datetime.timedelta()

    def holds(self, made: datetime.datetime, *, late: bool = False) -> bool:
        """Whether a marker that was made then was made in the window. S3 gives times in UTC."""
        return self.after <= made <= self.before + (self.lag if late else datetime.timedelta())

    def shifted(self, ahead: datetime.timedelta) -> Window:
        """The same window by a clock that is ahead by so much."""
        return dataclasses.replace(self, after=self.after + ahead, before=self.before + ahead)


@dataclasses.dataclass(frozen=True)
class Marker:
    """A delete marker to remove; ``below`` is the version that comes back."""

    key: str
    version_id: str
    below: str


@dataclasses.dataclass
class Decided:
    """What of one key is removed on each side, and what is left for a reason."""

    source: list[Marker] = dataclasses.field(default_factory=list)
    destination: list[Marker] = dataclasses.field(default_factory=list)
    nothing_below: int = 0
    time_not_known: int = 0
    deleted_before: int = 0


def decide(pair: Pair, window: Window, window_there: Window | None = None) -> Decided:
    """The markers that hide one key since the window, on both sides. ``window_there`` is by the destination's clock.
    Pure.

    A marker is removed when only markers of the window are above the newest version: so the key is as it was before the
    window. Under a marker that is older than the window nothing comes back, and where there is no version nothing can.
    """
    key, source, destination = pair
    decided = Decided()
    decided.source = _markers(key, source, window, decided, late=False)
    decided.destination = _markers(key, destination, window_there or window, decided, late=bool(decided.source))
    return decided


def version_times(rows: t.Iterable[Row]) -> frozenset[bytes]:
    """When the versions of a key were written, as the server says it."""
    return frozenset(row[MODIFIED] for row in rows if row[SIZE])


def marker_time(marker: Row, written: t.Container[bytes]) -> datetime.datetime | None:
    """When a delete marker was made; None where nobody can tell. ``written`` is ``version_times`` of its key. Pure.

    VersityGW 1.8 lists a marker with the time of the version that it hides. A marker with the time of a version is
    given away by that: to the fraction of a second nothing is deleted in the moment in which it is written. Its real
    time is in its version id there, which is a ULID (48 bits of milliseconds in Crockford's base 32, then 80 random
    ones).
    """
    listed = parse_time(marker[MODIFIED])
    if listed is None or marker[MODIFIED] not in written:
        return listed
    if _ULID.fullmatch(marker[VERSION_ID]):
        milliseconds = functools.reduce(
            lambda number, digit: number * 32 + _DIGITS.index(digit), marker[VERSION_ID][:10], 0
        )
        made = _EPOCH + datetime.timedelta(milliseconds=milliseconds)
        if made >= listed - datetime.timedelta(seconds=1):
            return made
    return None if listed.microsecond else listed  # a time to the second may well be that of both


def _markers(key: bytes, rows: t.Sequence[Row], window: Window, decided: Decided, *, late: bool) -> list[Marker]:
    leading = list(itertools.takewhile(lambda row: not row[SIZE], rows))
    if not leading:
        return []
    written = version_times(rows)
    known = [marker_time(row, written) for row in leading]
    made = [when for when in known if when is not None]
    if len(made) < len(leading):
        decided.time_not_known += 1
        return []
    if not window.holds(made[0], late=late):
        return []
    if len(leading) == len(rows):
        decided.nothing_below += 1
        return []
    if not all(window.holds(when, late=late) for when in made[1:]):
        decided.deleted_before += 1
        return []
    below = rows[len(leading)][VERSION_ID].decode()
    return [Marker(as_text(key), row[VERSION_ID].decode(), below) for row in leading]


def at_time(key: bytes, rows: t.Sequence[Row], moment: datetime.datetime) -> tuple[str, Wanted | None]:
    """The copy that makes one key what it was at a point in time, or why there is none. Pure."""
    found, top, written = None, rows[0], version_times(rows)
    for row in rows:
        when = parse_time(row[MODIFIED]) if row[SIZE] else marker_time(row, written)
        if when is None:
            return "time_not_known", None
        if when <= moment:
            found = row
            break
    if found is None:
        return "created_later", None
    if not found[SIZE]:
        return "deleted_then", None
    if found is top or (top[SIZE] == found[SIZE] and top[ETAG] == found[ETAG]):
        return SAME, None
    if not top[SIZE]:
        return COPY, wanted_of(key, found, condition=ABSENT)
    return COPY, wanted_of(key, found, condition=top[ETAG].decode("ascii", "replace"), before=version_of(top))


def _remove_one(side: Side, marker: Marker, state: str) -> None:
    side.call(
        "Removing a delete marker",
        lambda client: client.delete_object(Bucket=side.bucket, Key=marker.key, VersionId=marker.version_id),
        state=state,
    )


def remove(side: Side, markers: t.Sequence[Marker]) -> dict[int, str]:
    """Remove up to 1,000 markers. Gives why some stayed, by their place. Raises S3Error when the request itself fails.

    Removing one that is gone already is no error in S3, so the request can be made again.
    """
    state = "What was removed before is in the journal; run again to go on."
    odd = [number for number, marker in enumerate(markers) if _NOT_IN_XML.search(marker.key)]
    plain = [marker for number, marker in enumerate(markers) if number not in set(odd)]
    failed: dict[int, str] = {}
    places = {(marker.key, marker.version_id): number for number, marker in enumerate(markers)}
    if plain:
        objects: t.Any = [{"Key": marker.key, "VersionId": marker.version_id} for marker in plain]
        answer: t.Any = side.call(
            "Removing delete markers",
            lambda client: client.delete_objects(Bucket=side.bucket, Delete={"Objects": objects, "Quiet": True}),
            state=state,
        )
        for error in answer.get("Errors", []):
            failed[places.get((error.get("Key", ""), error.get("VersionId", "")), 0)] = str(
                error.get("Code", "unknown")
            )
    for number in odd:
        try:
            _remove_one(side, markers[number], state)
        except S3Error as error:
            if error.code not in _LOCKED:
                raise
            failed[number] = error.code
    return failed
