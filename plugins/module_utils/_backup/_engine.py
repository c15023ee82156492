# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The port of a store: what an engine does so that its data can be backed up. All else is the same for all stores.

A run asks an engine in this order: ``look`` (refuse now what would fail later), ``planned`` (check mode ends here) or
``save`` (hand every file to the session, and describe what was saved), ``describe`` (the module's result). The session
(``_session.py``) owns the id, the repositories, compression, encryption, the deadline, progress and the manifest.
The other two sides of a store are a ``Verification`` (``_verify/_verification.py``) and its restore.
"""

from __future__ import annotations

import abc
import dataclasses
import typing as t

if t.TYPE_CHECKING:
    import datetime

    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Manifest, Reference
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._session import BackupSession


@dataclasses.dataclass(frozen=True)
class Look:
    """What is known before work starts. An engine inherits from it and adds what it has found."""

    needed_bytes: int  # an estimate of what a repository has to take; 0 where nobody knows


LookT = t.TypeVar("LookT", bound=Look)


@dataclasses.dataclass(frozen=True)
class Part:
    """One file of a backup, still to be stored.

    ``name`` is its path in the backup's folder without the suffixes of compression and encryption, which the session
    appends; ``content`` says what it is for, in the engine's own words. ``hash_plain`` is False where fingerprints of
    the engine's own cover the content: a second hash would cost a tenth of a backup's time.
    """

    name: str
    content: str
    pieces: t.Iterator[bytes]
    estimated_bytes: int = 0
    hash_plain: bool = True


@dataclasses.dataclass(frozen=True)
class Saved:
    """What an engine says about the backup that it has just saved; it becomes part of the manifest."""

    content: (
        t.Any
    )  # a dataclass of the engine: the manifest's ``content``, from which its own code verifies and restores
    taken_at: datetime.datetime  # the moment that the content shows
    tool_versions: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    by_hand: t.Sequence[str] = ()  # commands of a restore with stock tools, after the checks of the files' hashes
    reference: Reference | None = None  # where another system keeps the data: then there may be no files of ours


class Engine(abc.ABC, t.Generic[LookT]):
    """One store as its options describe it. ``warn`` takes what the user has to know although the work goes on."""

    name: str  # of manifests and plans: postgresql

    def __init__(self, options: t.Mapping[str, t.Any], warn: t.Callable[[str], None]) -> None:
        self._options = options
        self._warn = warn
        self.doubt = ""  # why nothing may build on the newest backup, as the end of a sentence; the run says it

    @abc.abstractmethod
    def look(self, last: Manifest | None) -> LookT:
        """Refuse now what would fail later. ``last`` is the newest backup so far. Leaves nothing behind.

        Raises LifeboatError.
        """

    def is_known(self, newest: Manifest) -> bool:
        """Whether there is nothing newer to record: for an engine that records what others take."""
        return False

    @abc.abstractmethod
    def planned(self, look: LookT) -> dict[str, t.Any]:
        """What check mode shows: names and sizes."""

    @abc.abstractmethod
    def save(self, look: LookT, session: BackupSession) -> Saved:
        """Give every file to ``session.store``, from any number of threads, and describe what they hold.

        Raises LifeboatError; then the session removes what has been stored.
        """

    @abc.abstractmethod
    def describe(self, manifest: Manifest) -> dict[str, t.Any]:
        """The essentials of a manifest's content, for the module's result. Reads older manifests, too."""

    def lacks(self, manifest: Manifest) -> str:
        """What a whole backup does not hold although it was asked for, in sentences; empty where it holds all.

        The task fails with it, also when the backup is young enough: what was said once is easily missed.
        """
        return ""
