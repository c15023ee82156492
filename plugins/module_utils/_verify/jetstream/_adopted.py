# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The proof of an archive that the command line of NATS has written: as of a backup of streams, and with the words for
what nobody can know of it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check
from ansible_collections.lifeboat.dr.plugins.module_utils._verify.jetstream._jetstream import (
    JetStreamVerification,
    Options,
)

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress

_UNREAD = Check(
    "content.unread",
    "What was not compared",
    "content",
    "skipped",
    "This archive carries no fingerprint of its source. So it is shown that it is whole, that it restores, that every "
    "message and consumer comes back as it is in the archive, and what your own checks say. It is not shown that these "
    "are the messages that the streams had, nor that no stream and no consumer was left out. Each stream is of the "
    "moment at which the command line saved it.",
)


class AdoptedVerification(JetStreamVerification):
    """The archive was read into a scratch repository before, message by message: ``copies`` are what was read."""

    def __init__(
        self,
        path: str,
        copies: t.Sequence[StoredBackup],
        options: Options,
        deadline: Deadline,
        progress: Progress,
        noticed: t.Sequence[str] = (),
    ) -> None:
        super().__init__(copies, options, deadline, progress)
        self._path = path
        self._noticed = noticed  # while the archive was read, and no damage

    def _add_excluded(self) -> None:
        """Nothing is excluded. A stream that is broken fails the proof: somebody relies on all of them."""
        if self._content.left_out:
            words = "; ".join(f"{name}: {why}" for name, why in sorted(self._content.left_out.items()))
            self._checks.append(
                Check("artifact.broken", "Every stream of the folder is whole", "artifact", "failed", words)
            )
        if self._noticed:
            title = "What the archive says of itself fits"
            self._checks.append(Check("artifact.noticed", title, "artifact", "skipped", " ".join(self._noticed)))
        self._checks.append(_UNREAD)

    def _details(self) -> tuple[_model.Detail, ...]:
        return (_model.Detail("Folder", self._path), *super()._details())
