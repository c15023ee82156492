# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One stream of a backup in the scratch place, and what is said of one that is not there."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Item, Part

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import Stream
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._stream_archives import StreamArchive


@dataclasses.dataclass
class StreamCopy:
    """``state`` is the server's, and None where the stream could not be restored; ``error`` says why."""

    archive: StreamArchive
    state: dict[str, t.Any] | None = None
    error: str = ""
    unasked: bool = False  # the place cannot take it, which says nothing of the backup

    @property
    def stream(self) -> Stream:
        return self.archive.stream

    def lost(self, algorithm: str) -> tuple[Item, Part, list[Item]]:
        """What a comparison by ``algorithm`` says of a stream that cannot be compared: of its messages, of the whole,
        and of its bucket.
        """
        stream = self.stream
        words = (
            "it could not be restored" if self.state is None else self.error or "its archive cannot be read to the end"
        )
        part = Part(stream.name, "failed", stream.messages, None, stream.bytes, stream.fingerprint, None, algorithm)
        bucket = [Item(stream.bucket, "failed", None, None, words)] if stream.bucket else []
        return Item(stream.name, "failed", stream.messages, None, words), part, bucket
