# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Walks two buckets side by side: many ranges of keys at a time, each range in lock step on both sides.

Memory is three pages for each range that is being walked, whatever the buckets hold. While the destination gives its
page, the next one of the source is asked for, be it of this range or of the one that is walked after it; a page of the
destination always comes after the source's own, so that what was copied meanwhile is there. A thread that has nothing
to do takes half of what another one has left, so the work spreads by itself, without knowing the keys beforehand. What
is done of each range is known at any moment, so the walk can go on later where it was ended.
"""

from __future__ import annotations

import concurrent.futures
import functools
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._together import together
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Ahead
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._key_ranges import Alphabet, Range, evenly, middle
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._walk_buffers import RangeWalk, Shard, SideBuffer

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._listing import Lister, Stream
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_piece import Chunk

_WAIT_SECONDS = 0.2
_SAVE_SECONDS = 5.0
_FOLDER_REQUESTS = 8
_FREE_GUESSES = 64  # ranges that turned out empty, before they have to be paid for by pages that were not
_SCHEMA = "lifeboat.s3-walk/1"


class Walk:
    """The walk over two listings below one prefix. ``compare`` is given the rows of both sides for one piece of the
    keys after the other.

    ``parallel`` is how many ranges are walked at a time. ``advance`` is told of each number of rows. Any thread may ask
    for ``state``.
    """

    def __init__(
        self,
        source: Lister,
        destination: Lister,
        compare: Chunk,
        rules: Rules,
        *,
        parallel: int,
        deadline: Deadline,
        stopped: threading.Event,
        advance: t.Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._listers = (source, destination)
        self._compare = compare
        self._rules = rules
        self._parallel = parallel
        self._deadline = deadline
        self._stopped = stopped
        self._advance = advance
        self._changed = threading.Condition()
        self._queue: list[Shard] = []
        self._active: list[Shard] = []
        self._reserved: list[
            Shard
        ] = []  # each for one thread, which has begun to read it, and has another one to end before
        self._alphabet = Alphabet()
        self._seeded = self._failed = False
        self._pages = self._guesses = 0
        self._save: t.Callable[[], None] | None = None
        self._ahead: concurrent.futures.Executor
        self._next_save = time.monotonic() + _SAVE_SECONDS
        self.tally = Tally()

    def run(self, ranges: t.Sequence[Range] = (Range(),), *, save: t.Callable[[], None] | None = None) -> Tally:
        """Walk these ranges to their ends. ``save`` is called now and then, to keep ``state``. Raises LifeboatError."""
        self._queue = [Shard(piece) for piece in ranges]
        self._save = save
        try:
            with concurrent.futures.ThreadPoolExecutor(self._parallel, "ahead") as self._ahead:
                together([self._work] * self._parallel, self._parallel, self._deadline)
        except BaseException:
            self._stopped.set()
            if save:
                save()
            raise
        return self.tally

    def state(self) -> dict[str, t.Any]:
        """What is left and what was found, of one moment, as JSON."""
        with self._changed:
            left = [shard.left for shard in [*self._active, *self._reserved, *self._queue] if not shard.done]
            tally = self.tally.to_dict()
        return {
            "schema": _SCHEMA,
            "left": [[_text(piece.after), _text(piece.until)] for piece in left],
            "tally": tally,
        }

    def resume(self, state: t.Mapping[str, t.Any]) -> list[Range]:
        """The ranges that are left by a state; what had been found is counted again.

        Raises KeyError, TypeError or ValueError.
        """
        if state["schema"] != _SCHEMA:
            raise ValueError(f"the schema is {state['schema']!r}")
        self.tally = Tally.from_dict(state["tally"])
        return [Range(_bytes(after), _bytes(until)) for after, until in state["left"]]

    # --- the threads ---

    def _work(self) -> None:
        try:
            turn: RangeWalk | None = None
            while True:
                if turn is None:
                    shard = self._next_shard()
                    if shard is None:
                        return
                    turn = self._turn(shard)
                turn = self._walk(turn)
        except BaseException:
            self._stopped.set()
            with self._changed:
                self._failed = True
                self._changed.notify_all()
            raise

    def _next_shard(self) -> Shard | None:
        """What is queued, or half of what another thread has left; None when all is done.

        Waits while it may still come to something.
        """
        while True:
            self._deadline.check("The comparison")
            with self._changed:
                if self._failed or not (self._queue or self._active):
                    return None
                shard = self._taken()
                if shard is not None:
                    self._active.append(shard)
                    return shard
                seeding = not self._seeded and any(active.more for active in self._active)
                self._seeded = self._seeded or seeding
                if not seeding:
                    self._changed.wait(_WAIT_SECONDS)
            if seeding:
                self._seed()

    def _taken(self) -> Shard | None:
        return self._queue.pop(0) if self._queue else self._stolen() if self._seeded else None

    def _seed(self) -> None:
        """The first cut: at the folders of the source, as far as there are any."""
        found = self._folders()
        with self._changed:
            for shard in list(self._active):
                rest = Range(shard.reach, shard.until)
                at = evenly(sorted(key for key in found if rest.holds(key) and key != shard.until), 4 * self._parallel)
                pieces = rest.cut(at)
                shard.until = pieces[0].until
                self._queue += [Shard(piece) for piece in pieces[1:]]
            self._changed.notify_all()

    def _folders(self) -> set[bytes]:
        """Folders of the source, at any depth.

        Those above the keys that were read already are looked into at once, the others by level.
        """
        lister = self._listers[0]
        with self._changed:
            wanted = _above(lister.prefix.encode(), max(shard.reach for shard in self._active) if self._active else b"")
        found: set[bytes] = set()
        asked: set[bytes] = set()
        while wanted and len(found) < self._parallel:
            works = [functools.partial(lister.folders, folder.decode("utf-8", "replace")) for folder in wanted]
            found.update(*(page.prefixes for page in together(works, len(works), self._deadline)))
            asked.update(wanted)
            shallow_first = sorted(found - asked, key=lambda folder: (folder.count(b"/"), folder))
            wanted = shallow_first[: _FOLDER_REQUESTS - len(asked)]
        return found

    def _stolen(self) -> Shard | None:
        """Half of the keys that the busiest thread has left. Called under the lock."""
        if self._guesses > _FREE_GUESSES + self._pages // 4:
            return None
        prefix = self._listers[0].prefix.encode()
        for shard in sorted(self._active, key=lambda shard: shard.pages / (1 + shard.fruitless), reverse=True):
            if not shard.more or not shard.pages:
                continue
            at = middle(shard.reach, shard.until, self._alphabet, prefix)
            if at is None:
                continue
            stolen = Shard(Range(at, shard.until))
            shard.until, shard.pages = at, 0
            shard.fruitless += 1  # forgotten with the next page
            return stolen
        return None

    def _walk(self, turn: RangeWalk) -> RangeWalk | None:
        """Walk one range to its end. Gives the next one when that has been begun."""
        shard, source, destination, ahead = turn
        following: RangeWalk | None = None
        first, ended = True, False
        while not ended:
            self._deadline.check("The comparison")
            source.fill()
            following = following or self._begin_next(ahead)
            if first:
                self._foresee(shard, source.stream)
            destination.fill()
            horizon, ended = self._agree(shard, source, destination)
            rows = source.take(horizon), destination.take(horizon)
            tally = self._compare(*rows)
            self._advance(len(rows[0]) + len(rows[1]))
            guessed = first and not (rows[0] or rows[1])
            del rows  # two pages less while the next ones come
            with self._changed:
                self.tally.merge(tally, self._rules)
                shard.position, shard.done = horizon, ended
                self._guesses += guessed
                self._wake()
            first = False
            self._save_sometimes()
        with self._changed:
            self._active.remove(shard)
            if following is not None:
                self._reserved.remove(following.shard)
                self._active.append(following.shard)
            self._wake()
        return following

    def _begin_next(self, ahead: Ahead) -> RangeWalk | None:
        """Once all of a range has been asked of the source, it may as well give the first page of a range that
        waits.
        """
        if ahead.busy:
            return None
        with self._changed:
            if not self._queue or self._failed:
                return None
            self._reserved.append(self._queue.pop(0))
            turn = self._turn(self._reserved[-1])
        turn.ahead.begin()
        return turn

    def _foresee(self, shard: Shard, source: Stream | Ahead) -> None:
        """Others need not wait for the destination's first page to know that there is more than one."""
        if not source.ended and source.last is not None:
            with self._changed:
                shard.reach = max(shard.reach, source.last)
                shard.more = shard.until is None or shard.reach < shard.until
                self._wake()

    def _wake(self) -> None:
        """Let those look again who have nothing to do, if there may be something: each look is a turn that those who
        work wait for.
        """
        if len(self._active) < self._parallel or not self._seeded:
            self._changed.notify_all()

    def _turn(self, shard: Shard) -> RangeWalk:
        def goes_on(last: bytes | None) -> bool:
            return shard.until is None or last is None or last < shard.until

        source, destination = (lister.stream(shard.position) for lister in self._listers)
        versions = self._listers[0].versions
        ahead = Ahead(source, self._ahead, goes_on)
        return RangeWalk(shard, SideBuffer(ahead, versions), SideBuffer(destination, versions), ahead)

    def _agree(self, shard: Shard, source: SideBuffer, destination: SideBuffer) -> tuple[bytes | None, bool]:
        """Up to where both sides are here, at most to the end of the range, and whether it is the end.

        From here on nobody cuts the range before ``reach``, so what is compared next stays in it.
        """
        ends = [half.whole_until() for half in (source, destination)]
        known = [end for end in ends if end is not None]
        horizon = min(known) if known else None
        with self._changed:
            reaches = [half.stream.last for half in (source, destination) if half.stream.last is not None]
            shard.reach = max([shard.reach, *reaches])
            shard.pages += 1
            shard.fruitless = 0
            self._pages += 1
            for half in (source, destination):
                for row in half.rows[:: max(1, len(half.rows) // 8)]:
                    self._alphabet.note(row[KEY])
            until = shard.until
            ended = horizon is None or (until is not None and horizon >= until)
            shard.more = not ended and (until is None or shard.reach < until)
            return (until if ended else horizon), ended

    def _save_sometimes(self) -> None:
        if self._save is None:
            return
        with self._changed:
            due = time.monotonic() >= self._next_save
            if due:
                self._next_save = time.monotonic() + _SAVE_SECONDS
        if due:
            self._save()


def _above(prefix: bytes, key: bytes) -> list[bytes]:
    """The prefix and the folders in it that lead to the key, at most eight, without the innermost, which may well hold
    nothing but keys.
    """
    if not key.startswith(prefix):
        return [prefix]
    names = key[len(prefix) :].split(b"/")[:-1]
    return [
        prefix + b"".join(name + b"/" for name in names[:depth])
        for depth in range(max(1, min(len(names), _FOLDER_REQUESTS)))
    ]


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode("latin-1")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("latin-1")
