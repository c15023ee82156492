# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Listings of two buckets, key by key, side by side. Constant memory: a page of each side is read ahead."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close, prefetch
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY, Row

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister

_REPLACEMENT = "\ufffd".encode()
Group = tuple[bytes, list[Row]]
Pair = tuple[bytes, list[Row], list[Row]]


def groups(lister: Lister, deadline: Deadline) -> t.Iterator[Group]:
    """Each key with its rows: one of an object, or all versions and markers, the newest first.

    Close it when it is not used up.
    """
    pages = prefetch(_pages(lister, deadline), depth=4, name=f"listing of {lister.side.role}")
    try:
        rows = itertools.chain.from_iterable(pages)
        for key, of_key in itertools.groupby(rows, key=lambda row: row[KEY]):
            yield key, list(of_key)
    finally:
        close(pages)


def _pages(lister: Lister, deadline: Deadline) -> t.Iterator[list[Row]]:
    stream = lister.stream()
    while not stream.ended:
        deadline.check("The listing")
        rows = stream.next_rows()
        if rows:
            yield rows


def rows_of(lister: Lister, key: bytes, deadline: Deadline) -> list[Row]:
    """All rows of one key, the newest first, on however many pages they are. ``lister`` lists what begins with it."""
    stream, found = lister.stream(), list[Row]()
    while not stream.ended:
        deadline.check("The comparison")
        page = stream.next_rows()
        found += [row for row in page if row[KEY] == key]
        if page and page[-1][KEY] != key:
            break
    return found


def side_by_side(one: t.Iterator[Group], other: t.Iterator[Group]) -> t.Iterator[Pair]:
    """Each key of either listing once, in order, with its rows on both sides; a side that does not have it gives
    none.
    """
    try:
        left, right = next(one, None), next(other, None)
        while left is not None or right is not None:
            if right is None or (left is not None and left[0] < right[0]):
                if left is None:
                    raise AssertionError("one of the two has a key")
                yield left[0], left[1], []
                left = next(one, None)
            elif left is None or right[0] < left[0]:
                yield right[0], [], right[1]
                right = next(other, None)
            else:
                yield left[0], left[1], right[1]
                left, right = next(one, None), next(other, None)
    finally:
        close(one)
        close(other)


def nothing() -> t.Iterator[Group]:
    """The listing of a side that is left alone."""
    return iter(())


def is_doubtful(key: bytes) -> bool:
    """Whether the object may have another name than the one that was listed.

    Servers write U+FFFD in place of a character that XML has no way to say (VersityGW and gofakes3, which do not encode
    keys in listings). It may be a key's own character all the same: only asking for the object tells. What is not UTF-8
    at all cannot be named in any request.
    """
    return _REPLACEMENT in key or not is_text(key)


def is_text(key: bytes) -> bool:
    """Whether a request can name the key: it is UTF-8."""
    try:
        key.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def as_text(key: bytes) -> str:
    """The key as requests name it. Raises LifeboatError on one that is no UTF-8, which no request could name."""
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError:
        raise LifeboatError(
            f"The key {key!r} is not UTF-8, so no request can name it. The listing of this server cannot be trusted.",
            hint="Leave it out by a prefix.",
        ) from None
