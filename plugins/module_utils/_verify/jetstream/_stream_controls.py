# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Damage on purpose that only the reading of archives and the comparison of messages can see."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._messages import read_all, read_digests
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.formats._s2 import decode
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.inspect._inspect import inspect
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import ARCHIVE
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._digests import Digests
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Control
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._controls import flip_byte
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_archives import artifact_of
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_compare import difference_words

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_archives import StreamArchive

_TRIES = 64


def flip_in_archive(stored: StoredBackup, archives: t.Sequence[StreamArchive]) -> Control:
    """Turn a bit over behind hash and decryption, so that only the reading of the archive itself can see it."""
    control = Control(
        "control.archive",
        "One bit of an archive turned over before it is read",
        "",
        "skipped",
        "no stream has a message",
    )
    good = [archive.stream for archive in archives if archive.facts and archive.stream.messages]
    if not good:
        return control
    stream = min(good, key=lambda candidate: candidate.bytes)
    artifact = artifact_of(stored, stream, ARCHIVE)
    found = flip_one_bit(lambda: stored.open(artifact), artifact.plain_bytes // 2, stream)
    if found is None:
        return dataclasses.replace(
            control, message=f"no bit was found that matters in the middle of the archive of {stream.name}"
        )
    at, words = found
    return dataclasses.replace(
        control,
        damage=f"byte {at} of the archive of {stream.name}",
        status="passed" if words else "failed",
        message=f"Refused: {words}" if words else "The damaged archive was read to its end as if it were good.",
    )


def flip_one_bit(read: t.Callable[[], t.Iterator[bytes]], first: int, stream: Stream) -> tuple[int, str] | None:
    """Where, from this byte on, a bit was turned over, and what is wrong now; no words when nobody saw it. None when no
    bit matters there.

    A bit may not matter: S2 can say the same thing in several ways, for instance copy zeros from here or from there
    (its format says where to copy from, not why). One of a hundred bits of a small archive is of this kind. What it
    decodes to is then the same, and not damaged.
    """
    for at in range(first, first + _TRIES):
        facts, digests = inspect(flip_byte(at)(read()), stream.name)
        digests.close()
        words = next((problem.message for problem in facts.problems), "")
        words = words or ("its fingerprint is another one" if facts.fingerprint != stream.fingerprint else "")
        if words or _decoded(flip_byte(at)(read())) != _decoded(read()):
            return at, words
    return None


def _decoded(pieces: t.Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in decode(pieces):
        digest.update(piece)
    return digest.digest()


def drop_a_message(
    session: Session, archives: t.Sequence[StreamArchive], deadline: Deadline, temporary_dir: str
) -> Control:
    """Delete one message of the smallest stream in the scratch place, and demand that the comparison sees it."""
    control = Control(
        "control.message", "One message deleted after the restore", "", "skipped", "no stream has a message"
    )
    filled = [(archive.stream, archive.digests) for archive in archives if archive.digests and len(archive.digests)]
    if not filled:
        return control
    # Rather one whose messages do not go by themselves.
    stream, ours = min(
        filled, key=lambda candidate: (bool(candidate[0].config.get("allow_msg_ttl")), candidate[0].bytes)
    )
    session.api(f"STREAM.MSG.DELETE.{stream.name}", {"seq": ours.last, "no_erase": True})
    theirs = read_digests(read_all(session, stream.name, deadline), Digests(temporary_dir=temporary_dir))
    words = difference_words(ours.difference(theirs))
    theirs.close()
    return dataclasses.replace(
        control,
        damage=f"message {ours.last} of {stream.name}, of {len(ours)}",
        status="passed" if words else "failed",
        message=f"Refused: {words}" if words else "The comparison did not see that a message was missing.",
    )
