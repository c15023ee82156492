# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Walks over listings that are made up: a mock of the lister, and rows to list."""

from __future__ import annotations

import bisect
import threading
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Stoppable
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Stream
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY, Page, Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    compare_objects,
    compare_versions,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._walk import Walk

A, B = b"0" * 32, b"1" * 32


def compared_object(key: bytes, etag: bytes = A, size: int = 1, modified: bytes = b"2026-01-01T00:00:00.000Z") -> Row:
    """A row of a listing."""
    return (key, modified, etag, str(size).encode())


class _MockLister:
    """Pages out of a list, as many rows as a test says."""

    prefix = ""
    side = types.SimpleNamespace(name="mock")

    def __init__(self, rows: list[Row], size: int, versions: bool) -> None:
        self.rows, self.size, self.versions = rows, size, versions
        self.keys = [row[KEY] for row in rows]

    def page_after(self, key: bytes | None, token: str | None = None, version_marker: str | None = None) -> Page:
        at = int(version_marker or token or 0) or (bisect.bisect_right(self.keys, key) if key is not None else 0)
        rows = self.rows[at : at + self.size]
        more = at + len(rows) < len(self.rows)
        marker = str(at + len(rows)) if more else None
        return Page(
            rows,
            more,
            None if self.versions else marker,
            rows[-1][KEY] if rows else None,
            marker if self.versions else None,
        )

    def folders(self, prefix: str) -> Page:
        below = [key for key in self.keys if key.startswith(prefix.encode()) and b"/" in key[len(prefix) :]]
        found = {key[: key.index(b"/", len(prefix)) + 1] for key in below}
        return Page([], False, prefixes=tuple(sorted(found)))

    def stream(self, after: bytes | None = None) -> Stream:
        return Stream(t.cast(Lister, self), after)


def walk(ours: list[Row], theirs: list[Row], size: int, parallel: int, versions: bool = False) -> Walk:
    """A walk over these rows, in pages of ``size``."""
    rules, stopped = Rules(keep=100_000), threading.Event()

    def compare(source: t.Sequence[Row], destination: t.Sequence[Row]) -> Tally:
        tally = Tally()
        tally.count_rows(0, source)
        tally.count_rows(1, destination)
        tally.add((compare_versions if versions else compare_objects)(source, destination), rules)
        return tally

    listers = (t.cast(Lister, _MockLister(rows, size, versions)) for rows in (ours, theirs))
    deadline = Stoppable(60, stopped)
    return Walk(
        *listers,
        compare,
        rules,
        parallel=parallel,
        deadline=deadline,
        stopped=stopped,
    )
