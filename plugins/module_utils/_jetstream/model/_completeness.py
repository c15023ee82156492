# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether an archive holds every message that the server's state promised. Pure.

The server's numbers are no checksum: under live publishing an archive may hold more messages than the state at its
beginning, and where messages are deleted meanwhile, fewer. So what is missing is held against what the server still has
afterwards: a message that the server has, and that came before the snapshot, has to be in the archive. Servers from
2.15 leave out a message that they cannot read, and say nothing (2.15.1).
"""

from __future__ import annotations

import itertools
import typing as t

Range = tuple[int, int]
MOST_NAMED = 10


def may_lack(state: t.Mapping[str, t.Any], messages: int, first_sequence: int, last_sequence: int) -> bool:
    """Whether an archive with these numbers may lack messages of the state, so that it is worth asking the server which
    were deleted.

    ``messages`` is of the whole archive. Messages beyond the state's bounds came later, and stand for none of those
    that are expected.
    """
    later = max(0, last_sequence - int(state.get("last_seq", 0)))
    return messages - later < int(state.get("messages", 0))


def gaps(sequences: t.Iterable[int], first: int, last: int) -> t.Iterator[Range]:
    """The ranges, both ends included, of what is not among ``sequences`` (ascending) from ``first`` to ``last``."""
    expected = first
    for sequence in sequences:
        if sequence < expected:
            continue
        if sequence > last:
            break
        if sequence > expected:
            yield expected, sequence - 1
        expected = sequence + 1
    if expected <= last:
        yield expected, last


def skipped(sequences: t.Iterable[int], state: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]) -> list[int]:
    """The first sequences that the archive should have and has not: at most MOST_NAMED.

    ``sequences`` are the archive's, ascending. ``state`` is the server's at the snapshot; ``after`` its state
    afterwards, with the list
    ``deleted`` (STREAM.INFO with ``deleted_details``).
    """
    deleted = set(after.get("deleted") or ())
    first = max(int(state.get("first_seq", 0)), int(after.get("first_seq", 0)), 1)
    last = min(int(state.get("last_seq", 0)), int(after.get("last_seq", 0)))
    missing = (
        sequence
        for begin, end in gaps(sequences, first, last)
        for sequence in range(begin, end + 1)
        if sequence not in deleted
    )
    return list(itertools.islice(missing, MOST_NAMED))


def named(sequences: t.Sequence[int]) -> str:
    """``sequence 7`` or ``sequences 7, 9 and more``."""
    words = ", ".join(str(sequence) for sequence in sequences[:MOST_NAMED])
    return f"sequence{'s' if len(sequences) > 1 else ''} {words}{' and more' if len(sequences) >= MOST_NAMED else ''}"
