# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Draws the conclusion from all batches of one archive: which messages are live, what its files say, what is wrong with
it.
"""

from __future__ import annotations

import array
import io
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._unnamed_file import unnamed_file, write_all
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats import _highwayhash
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._archived_consumers import (
    consumer_v1,
    consumer_v2,
    parsed,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._index import StreamIndex, read_index
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._archive import (
    ArchivedConsumer,
    ArchiveFacts,
    Batch,
    Problem,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests

_INDEX_NAME = "msgs/index.db"
_IN_MEMORY_BYTES = 8 << 20
_MOST_FILES_BYTES = 1 << 30  # descriptions of the stream and of its consumers: a small archive can decompress to more
_FILE_BYTES = 200  # what Python takes for a small one
_MOST_PROBLEMS = 1000
_NAMED = 100


class Findings:
    """Collects batches in order. ``conclude`` once, after the last."""

    def __init__(self, stream: str, temporary_dir: str | None = None) -> None:
        self.digests = Digests(temporary_dir=temporary_dir)
        self._stream = stream
        self._files: dict[str, bytes] = {}
        self._index_file: t.IO[bytes] = io.BytesIO()
        self._temporary_dir = temporary_dir
        self._index_bytes = 0
        self._problems: list[Problem] = []
        self._unchecked: list[str] = []
        self._left_out = 0
        self._tombstones = array.array("Q")
        self._files_bytes = 0
        self._spans: dict[int, tuple[int, int]] = {}
        self._tails: dict[int, bytes] = {}
        self._last_sequence = 0
        self._plain_bytes = 0
        self._format = ""
        self._complete = False
        self._deletes_known = True

    def take(self, batch: Batch) -> None:
        """The next batch."""
        self._plain_bytes += batch.plain_bytes
        self._format = batch.format or self._format
        self._complete = batch.complete or self._complete
        self.digests.extend(batch.sequences, batch.digests, batch.sizes)
        if batch.sequences:
            self._last_sequence = max(self._last_sequence, batch.sequences[-1])
        for block, first, last in batch.spans:
            known = self._spans.get(block, (first, last))
            self._spans[block] = (min(known[0], first), max(known[1], last))
        self._tails.update(batch.blocks)
        self._tombstones.extend(batch.deleted)
        for name, data, _last in batch.files:
            self._take_file(name, data)
        for problem in batch.problems:
            self.note(problem)

    def note(self, problem: Problem) -> None:
        """One problem more; where it does not say at which message, it is the one behind the last that was read."""
        if problem.sequence is None and problem.kind in ("crc", "truncated", "format"):
            problem = Problem(
                problem.kind, self._last_sequence + 1, f"{problem.message} It is behind message {self._last_sequence}."
            )
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(problem)
        else:
            self._left_out += 1

    def _take_file(self, name: str, data: bytes) -> None:
        if name == _INDEX_NAME:
            self._index_bytes += len(data)
            if self._index_bytes > _IN_MEMORY_BYTES and isinstance(self._index_file, io.BytesIO):
                file = unnamed_file(self._temporary_dir)
                write_all(file, self._index_file.getvalue())
                self._index_file = file
            write_all(self._index_file, data)
        elif self._files_bytes + len(data) + _FILE_BYTES > _MOST_FILES_BYTES:
            if self._files_bytes <= _MOST_FILES_BYTES:
                self.note(Problem("format", None, f"It has descriptions of more than {_MOST_FILES_BYTES} bytes."))
            self._files_bytes = _MOST_FILES_BYTES + 1
        else:
            self._files_bytes += len(data) + _FILE_BYTES
            self._files[name] = self._files.get(name, b"") + data

    def conclude(self) -> ArchiveFacts:
        """What the archive holds."""
        if not self._complete and not any(problem.kind in ("crc", "truncated", "format") for problem in self._problems):
            end = {"v1": "the end mark of its tar archive", "v2": "its closing entry"}.get(
                self._format, "anything that can be read"
            )
            self.note(
                Problem("truncated", None, f"The snapshot ends without {end}: it was cut, or the server gave up.")
            )
        if "errors.txt" in self._files:
            text = self._files["errors.txt"].decode("utf-8", "replace").strip()
            self.note(Problem("errors_txt", None, f"The server wrote into the snapshot that it failed: {text}"))
        config, state, consumers = self._conclude_v2() if self._format == "v2" else self._conclude_v1()
        if self._left_out:
            self._problems.append(Problem("record_hash", None, f"{self._left_out} problems more are left out here."))
        return ArchiveFacts(
            format=self._format,
            messages=len(self.digests),
            bytes=self.digests.total_bytes,
            first_sequence=self.digests.first,
            last_sequence=self.digests.last,
            fingerprint=self.digests.fingerprint(),
            consumers=tuple(sorted(consumers, key=lambda consumer: consumer.name)),
            state=state,
            problems=tuple(self._problems),
            hash_engine=_highwayhash.engine() if self._format == "v1" else "none",
            plain_bytes=self._plain_bytes,
            deletes_known=self._deletes_known,
            config=config,
            unchecked=tuple(self._unchecked),
        )

    def close(self) -> None:
        """Free what was kept for the conclusion; the digests stay."""
        self._index_file.close()

    def _conclude_v2(self) -> tuple[dict[str, t.Any], dict[str, t.Any], list[ArchivedConsumer]]:
        consumers: list[ArchivedConsumer] = []
        state: dict[str, t.Any] = {}
        for name, data in self._files.items():
            try:
                if name == "state.json":
                    state = _numbered(parsed(data, name))
                elif name.startswith("consumers/"):
                    consumers.append(consumer_v2(name[len("consumers/") :], data))
            except DamagedError as error:
                self.note(Problem("meta", None, error.message))
        if self._complete:
            self._compare_count(int(state.get("messages", 0)), "state.json")
            if int(state.get("consumer_count", 0)) != len(consumers):
                text = (
                    f"state.json counts {state.get('consumer_count', 0)} consumers, and the snapshot holds "
                    f"{len(consumers)}."
                )
                self.note(Problem("count", None, text))
        return {}, state, consumers

    def _conclude_v1(self) -> tuple[dict[str, t.Any], dict[str, t.Any], list[ArchivedConsumer]]:
        config = self._checked_meta("", self._stream)
        index = self._usable_index()
        state: dict[str, t.Any] = {}
        if index is not None:
            self._apply(index)
            state = {"messages": index.messages, "first_seq": index.first_sequence, "last_seq": index.last_sequence}
            if self._complete and index.messages != len(self.digests):
                self._name_missing(index)
        else:
            for sequence in self._tombstones:
                self.digests.discard(sequence)
            self._deletes_known = False
            self._enforce(config)
        return config, state, self._consumers_v1()

    def _checked_meta(self, folder: str, key: str) -> dict[str, t.Any]:
        """``meta.inf`` of the stream or of a consumer, checked against ``meta.sum``."""
        data, stored = self._files.get(folder + "meta.inf"), self._files.get(folder + "meta.sum")
        if data is None or stored is None:
            if self._complete:
                self.note(Problem("meta", None, f"The snapshot lacks {folder}meta.inf or {folder}meta.sum."))
            return {}
        digest = _highwayhash.digests(_highwayhash.key_of(key), [data])
        if digest.hex().encode() != stored:
            text = (
                f"{folder}meta.inf does not match {folder}meta.sum: the server's own file is damaged, or it is of "
                "another stream."
            )
            self.note(Problem("meta", None, text))
        try:
            return parsed(data, folder + "meta.inf")
        except DamagedError as error:
            self.note(Problem("meta", None, error.message))
            return {}

    def _consumers_v1(self) -> list[ArchivedConsumer]:
        names = {name.split("/")[1] for name in self._files if name.startswith("obs/") and name.count("/") == 2}
        consumers = []
        for name in names:
            folder = f"obs/{name}/"
            if not self._checked_meta(folder, f"{self._stream}/{name}"):
                continue
            try:
                consumers.append(consumer_v1(name, self._files[folder + "meta.inf"], self._files.get(folder + "o.dat")))
            except DamagedError as error:
                self.note(Problem("meta", None, error.message))
        return consumers

    def _usable_index(self) -> StreamIndex | None:
        """The index when it is the state of just these blocks, as the server itself decides it (recoverFullState)."""
        if not self._index_bytes:
            return None
        try:
            index = read_index(self._index_file, self._index_bytes, self._stream)
        except DamagedError as error:
            self.note(Problem("meta", None, error.message))
            return None
        if not index.hashed:
            self._unchecked.append(
                f"msgs/index.db, of {self._index_bytes} bytes, was not compared with its own checksum: without the "
                "library highwayhash-cffi that would take too long"
            )
        blocks = self._tails
        fits = (
            (not blocks and not index.messages)
            or (
                index.last_block in blocks
                and index.last_block == max(blocks)
                and blocks[index.last_block] == index.last_hash
            )
            or (
                index.last_block in blocks
                and index.last_block == max(blocks)
                and not blocks[index.last_block]
                and not any(index.last_hash)
            )
        )
        if not fits or any(known.messages and block not in blocks for block, known in index.blocks.items()):
            return None
        return index

    def _apply(self, index: StreamIndex) -> None:
        for block, (first, last) in self._spans.items():
            known = index.blocks.get(block)
            if known is None or not known.messages:
                self.digests.discard_range(first, last)
            else:
                self.digests.discard_range(first, known.first - 1)
                self.digests.discard_range(known.last + 1, last)
        for base, bits in index.deleted:
            self.digests.discard_bits(base, bits)

    def _name_missing(self, index: StreamIndex) -> None:
        """Which messages the index counts and the blocks lack, beside those that are known to be damaged."""
        damaged = {problem.sequence for problem in self._problems if problem.kind == "record_hash"}
        live = (sequence for sequence, _digest in self.digests)
        found = next(live, None)
        missing = 0
        for sequence in index.live_sequences():
            while found is not None and found < sequence:
                found = next(live, None)
            if found == sequence or sequence in damaged:
                continue
            missing += 1
            if missing <= _NAMED:
                self.note(
                    Problem(
                        "missing",
                        sequence,
                        f"The server's index counts message {sequence}, and the snapshot does not hold it.",
                    )
                )
        if missing > _NAMED:
            self.note(Problem("count", None, f"In all {missing} messages are missing that the server's index counts."))

    def _enforce(self, config: dict[str, t.Any]) -> None:
        """What a server does when it reads blocks without an index: the oldest go until the limit of messages is
        met.
        """
        limit = config.get("max_msgs", -1)
        surplus = (
            len(self.digests) - limit
            if isinstance(limit, int) and limit > 0 and config.get("discard", "old") == "old"
            else 0
        )
        if surplus > 0:
            for position, (sequence, _digest) in enumerate(self.digests, 1):
                if position == surplus:
                    self.digests.discard_range(1, sequence)
                    break

    def _compare_count(self, expected: int, source: str) -> None:
        found = len(self.digests)
        if expected == found:
            return
        self.note(Problem("count", None, f"{source} counts {expected} messages, and the snapshot holds {found}."))


def _numbered(state: dict[str, t.Any]) -> dict[str, t.Any]:
    """The state in an archive, if its numbers are numbers. Raises DamagedError."""
    for key in ("messages", "first_seq", "last_seq", "consumer_count"):
        if not isinstance(state.get(key, 0), int):
            raise DamagedError(f"{key} in state.json of the snapshot is not a number.")
    return state
