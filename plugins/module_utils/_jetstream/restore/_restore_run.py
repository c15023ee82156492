# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a run that restores streams is asked to do, and what becomes of one stream."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._restore_plan import Plan


@dataclasses.dataclass
class Restored:
    """What became of one stream."""

    plan: Plan
    changed: bool = False
    replaced: bool = False
    repository: str = ""
    state: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    rebuilt_consumers: list[str] = dataclasses.field(default_factory=list)
    published: int = 0  # messages that were published again, where the server could not take the archive
    removed_leftover: bool = False


@dataclasses.dataclass(frozen=True)
class RestoreRun:
    """What is the same for all streams of a run.

    ``mark`` names the backup; ``run`` is an unguessable word of this run.
    """

    connection: Connection
    copies: t.Sequence[StoredBackup]
    deadline: Deadline
    progress: Progress
    warn: t.Callable[[str], None]
    mark: str
    run: str
    limits: str
    consumers: str
    replace: t.Collection[str]
    replicas_seconds: float

    @property
    def begun(self) -> str:
        """What a stream carries while this run restores it."""
        return f"{self.mark} {self.run}"
