# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The port to somebody else who walks half of a pair of buckets."""

from __future__ import annotations

import abc
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._shards import Range
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Tally


class WalkHelper(abc.ABC):
    """Somebody else who walks half of the ranges. Every method may be called from any thread."""

    @property
    @abc.abstractmethod
    def ready(self) -> bool:
        """It waits for its ranges."""

    @property
    @abc.abstractmethod
    def ended(self) -> bool:
        """It has done what it was given, or failed."""

    @abc.abstractmethod
    def start(self) -> None:
        """Let it get ready. Returns at once; a second call does nothing. One that cannot be started has ``ended``."""

    @abc.abstractmethod
    def take(self, ranges: t.Sequence[Range]) -> None:
        """Give it its ranges. Once."""

    @abc.abstractmethod
    def widen(self) -> None:
        """Tell it that nobody else makes requests any more."""

    @abc.abstractmethod
    def state(self) -> tuple[list[Range], Tally]:
        """What it has left, and what it has found, of one moment."""

    @abc.abstractmethod
    def result(self) -> Tally:
        """What it has found, once it has ended. Raises LifeboatError when it failed."""

    @abc.abstractmethod
    def close(self) -> None:
        """End it at once. A second call does nothing."""
