# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Damage on purpose that only the comparison of buckets can see: a deleted, a changed and a truncated replica.

The damage is done to what the comparison is given: to rows of the destination's listing, and to the bytes that come
from it. Nothing is written to any bucket, so a control cannot harm data, needs no right to write, and leaves nothing
behind, whenever the process ends.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Control
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import show
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import ETAG, KEY, SIZE, VERSION_ID, Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._retrieval import (
    ArchivedError,
    Retrieval,
    holders,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._controls import cut_tail, flip_byte

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.inventory._inventory import Entry

_NONE_FITS = "no object of the inventory is on both sides as it was, and the same there, so none could be damaged"
_OTHER_ETAGS = (b"0" * 32, b"1" * 32)
_OTHER_ID = b"lifeboat-control"


@dataclasses.dataclass(frozen=True)
class Subject:
    """One object that is the same on both sides and in the inventory, whose views are damaged.

    ``replica`` is one of ``destination``.
    """

    entry: Entry
    source: tuple[Row, ...]
    destination: tuple[Row, ...]
    original: Row
    replica: Row

    @property
    def name(self) -> str:
        """The key."""
        return show(self.entry.row[KEY])

    def damaged(self, instead: Row | None) -> list[Row]:
        """The destination's rows, with another one or none instead of the replica."""
        return [row for row in (instead if row is self.replica else row for row in self.destination) if row is not None]


def find_subject(retrieval: Retrieval, candidates: t.Iterable[Entry], *, markers: bool) -> Subject | None:
    """The first candidate that fits: not empty, the same on both sides now, and at the destination once."""
    for entry in candidates:
        if not entry.size:
            continue
        source, destination = (retrieval.rows(side, entry.row[KEY]) for side in (0, 1))
        originals, replicas = holders(entry, source), holders(entry, destination)
        if originals and len(replicas) == 1 and retrieval.agree(source, destination, markers=markers):
            return Subject(entry, tuple(source), tuple(destination), originals[0], replicas[0])
    return None


def listing_controls(retrieval: Retrieval, subject: Subject | None, *, markers: bool) -> list[Control]:
    """A deleted, a changed and a truncated replica, through the comparison and the look-up that the real listings went
    through.
    """
    controls = [
        Control("control.deleted", "A replica deleted", "", "skipped", _NONE_FITS),
        Control("control.changed", "A replica changed", "", "skipped", _NONE_FITS),
        Control("control.truncated", "A replica cut by one byte", "", "skipped", _NONE_FITS),
    ]
    if subject is None:
        return controls
    views = (None, _changed(subject.replica), _with(subject.replica, SIZE, str(subject.entry.size - 1).encode("ascii")))
    return [_judged(control, retrieval, subject, view, markers=markers) for control, view in zip(controls, views)]


def _judged(control: Control, retrieval: Retrieval, subject: Subject, view: Row | None, *, markers: bool) -> Control:
    rows = subject.damaged(view)
    let_through = []
    if retrieval.agree(subject.source, rows, markers=markers):
        let_through.append("the comparison of both buckets called it the same")
    if holders(subject.entry, rows):
        let_through.append("the look-up of the inventory found it")
    return dataclasses.replace(
        control,
        damage=f"{subject.name}, in the listing of the destination",
        status="failed" if let_through else "passed",
        message=" and ".join(let_through)
        if let_through
        else "Refused: it differs from the source, and from the inventory.",
    )


def content_controls(retrieval: Retrieval, subject: Subject | None) -> list[Control]:
    """A replica with one bit turned over and one that is cut, through the reading of both sides.

    Their listings would not show it.
    """
    size = subject.entry.size if subject else 0
    plans = [
        ("control.content", "One bit of a replica turned over", f"byte {size // 2}", flip_byte(size // 2)),
        (
            "control.content_cut",
            "The end of a replica cut off while it is read",
            f"{size - 1} of {size} bytes",
            cut_tail(size - 1),
        ),
    ]
    controls = []
    for name, title, damage, change in plans:
        if subject is None:
            controls.append(Control(name, title, "", "skipped", _NONE_FITS))
            continue
        damage = f"{subject.name}, {damage}"
        try:
            same = retrieval.digest(0, subject.original) == retrieval.digest(1, subject.replica, change)
        except ArchivedError:
            controls.append(
                Control(name, title, damage, "skipped", "the object is in an archive class and cannot be read now")
            )
            continue
        words = "The damaged replica was read as if it were good." if same else "Refused: its SHA-256 is another one."
        controls.append(Control(name, title, damage, "failed" if same else "passed", words))
    return controls


def _changed(replica: Row) -> Row:
    """Of the same size, with other content: another ETag, and where versions have ids, another id."""
    row = _with(replica, ETAG, next(tag for tag in _OTHER_ETAGS if tag != replica[ETAG]))
    return _with(row, VERSION_ID, _OTHER_ID) if len(row) > VERSION_ID else row


def _with(row: Row, field: int, value: bytes) -> Row:
    return (*row[:field], value, *row[field + 1 :])
