# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One pass from a stream of bytes to every repository at once: compress, encrypt, hash, store; and the same line read
backwards.

A source that ends with an error makes every repository abort. One repository that fails does not stop the others.
"""

from __future__ import annotations

import dataclasses
import hashlib
import queue
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close, prefetch
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    LifeboatError,
    RepositoryError,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import Compressor
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import ArtifactWriter, Repository

_QUEUED_PIECES = 8


@dataclasses.dataclass(frozen=True)
class StoredStream:
    """What was stored of one stream, and where."""

    bytes: int
    sha256: str
    stored_in: tuple[str, ...]
    failed: dict[str, str]  # repository → why


def store(
    pieces: t.Iterator[bytes],
    *,
    path: str,
    repositories: t.Sequence[Repository],
    compressor: Compressor,
    cipher: Cipher,
    estimated_bytes: int,
    deadline: Deadline,
    on_source: t.Callable[[bytes], None] = lambda piece: None,
    on_stored: t.Callable[[int], None] = lambda count: None,
) -> StoredStream:
    """Store the stream under ``path`` in every repository.

    ``on_source`` sees each plain piece, ``on_stored`` the number of bytes after encryption. Raises what ``pieces``
    raises, DeadlineError, or RepositoryError when no repository could take it; then no repository holds anything of it.
    """
    plain = prefetch(_observed(pieces, on_source), _QUEUED_PIECES, "source")
    encoded = prefetch(cipher.encrypt(compressor.compress(plain)), _QUEUED_PIECES, "encode")
    try:
        return _fan_out(encoded, path, repositories, estimated_bytes, deadline, on_stored)
    except BaseException:
        deadline.cancel()  # else a source that gives nothing would be waited for
        raise
    finally:
        close(encoded)
        close(plain)


def load(
    repository: Repository,
    path: str,
    *,
    sha256: str,
    size: int,
    compressor: Compressor,
    cipher: Cipher,
    on_stored: t.Callable[[int], None] = lambda count: None,
    damage: t.Callable[[t.Iterator[bytes]], t.Iterator[bytes]] = lambda pieces: pieces,
) -> t.Iterator[bytes]:
    """The plain bytes of a stored stream. Ends only when the stored bytes had the right size and hash; raises
    DamagedError otherwise.

    ``damage`` lets a verifier prove that it can fail.
    """
    stored = _checked(damage(repository.read(path)), f"{repository.name}/{path}", sha256, size, on_stored)
    decoded = compressor.decompress(cipher.decrypt(prefetch(stored, _QUEUED_PIECES, "read")))
    return prefetch(decoded, _QUEUED_PIECES, "decode")


def check_stored(
    repository: Repository,
    path: str,
    *,
    sha256: str,
    size: int,
    on_stored: t.Callable[[int], None] = lambda count: None,
) -> None:
    """Read a stored stream to its end and compare size and hash. Raises DamagedError or RepositoryError."""
    for _piece in _checked(repository.read(path), f"{repository.name}/{path}", sha256, size, on_stored):
        pass


def _observed(pieces: t.Iterator[bytes], observe: t.Callable[[bytes], None]) -> t.Iterator[bytes]:
    try:
        for piece in pieces:
            observe(piece)
            yield piece
    finally:
        close(pieces)


def _checked(
    pieces: t.Iterator[bytes], name: str, sha256: str, size: int, on_stored: t.Callable[[int], None]
) -> t.Iterator[bytes]:
    digest, count = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        count += len(piece)
        on_stored(len(piece))
        if count <= size:
            yield piece
    hint = "Use another repository or another backup; keep this copy for the investigation."
    if count != size:
        raise DamagedError(f"{name} has {count} bytes, and the manifest says {size}: it was cut or changed.", hint=hint)
    if digest.hexdigest() != sha256:
        raise DamagedError(
            f"{name} has another SHA-256 than the manifest says: its content was changed after it was stored.",
            hint=hint,
        )


def _fan_out(
    pieces: t.Iterator[bytes],
    path: str,
    repositories: t.Sequence[Repository],
    estimated_bytes: int,
    deadline: Deadline,
    on_stored: t.Callable[[int], None],
) -> StoredStream:
    lanes = [_Lane(repository, path, estimated_bytes, deadline) for repository in repositories]
    digest, count = hashlib.sha256(), 0
    try:
        for piece in pieces:
            deadline.check(f"Storing {path}")
            digest.update(piece)
            count += len(piece)
            for lane in lanes:
                lane.put(piece)
            if all(lane.error for lane in lanes):
                break
            on_stored(len(piece))
        for lane in lanes:
            lane.put(None)
        for lane in lanes:
            lane.join(deadline)
    except BaseException:
        for lane in lanes:
            lane.cancel()
        raise
    failed = {lane.repository.name: str(lane.error) for lane in lanes if lane.error}
    if len(failed) == len(lanes):
        reasons = "; ".join(f"{name}: {why}" for name, why in failed.items())
        raise RepositoryError(f"No repository could store {path}. {reasons}", details={"failed": failed})
    return StoredStream(
        count, digest.hexdigest(), tuple(lane.repository.name for lane in lanes if not lane.error), failed
    )


class _Lane:
    """One repository's share of the work, in a thread of its own, so that a slow one is waited for and a failing one is
    left behind.
    """

    def __init__(self, repository: Repository, path: str, estimated_bytes: int, deadline: Deadline) -> None:
        self.repository = repository
        self.error: LifeboatError | None = None
        self._path = path
        self._estimated_bytes = estimated_bytes
        self._deadline = deadline
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED_PIECES)
        self._cancelled = threading.Event()
        self._writer: ArtifactWriter | None = None
        self._thread = threading.Thread(target=self._work, name=f"store {repository.name}", daemon=True)
        self._thread.start()

    def put(self, piece: bytes | None) -> None:
        while self.error is None:
            try:
                self._queue.put(piece, timeout=0.2)
                return
            except queue.Full:
                self._deadline.check(f"Storing {self._path} in {self.repository.name}")

    def join(self, deadline: Deadline) -> None:
        while self._thread.is_alive():
            self._thread.join(timeout=0.2)
            if self._thread.is_alive():
                deadline.check(f"Storing {self._path} in {self.repository.name}")

    def cancel(self) -> None:
        self._cancelled.set()
        if self._writer is not None:
            self._writer.abort()  # ends a request that a slow server would keep the thread in
        self._thread.join()

    def _work(self) -> None:
        try:
            writer = self._writer = self.repository.create(self._path, self._estimated_bytes)
            while not self._cancelled.is_set():
                try:
                    piece = self._queue.get(timeout=0.2)
                except queue.Empty:
                    continue
                if piece is None:
                    writer.commit()
                    return
                writer.write(piece)
        except LifeboatError as error:
            self.error = error
        except Exception as error:
            self.error = RepositoryError(f"{self.repository.name} failed with {type(error).__name__}: {error}")
        if self._writer is not None:
            self._writer.abort()
