# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One verification of one backup, whatever the store: what every engine does in the same way, and what each has to do
itself.
"""

from __future__ import annotations

import abc
import dataclasses
import datetime
import functools
import platform
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._concurrency._threads import close
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DeadlineError,
    LifeboatError,
    NotAskedError,
    OptionError,
    WrongKeyError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import counted
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _model
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, CheckStatus, Control, Item
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import conclude
from ansible_collections.lifeboat.dr.plugins.module_utils._verify import _controls

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._catalog import Absent
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress

_SHOWN = 3  # the report lists them all
_COPIES = Check("artifact.copies", "Every other copy is the same", "artifact", "passed")
_PLANTED = Check("artifact.controls", "Damaged views of a stored file can be read", "artifact", "passed")
_ENDED = Check("verification.end", "The verification came to its end", "structure", "passed")


class Verification(abc.ABC):
    """``copies`` are the same backup in each repository that holds it; the first is the one restored."""

    def __init__(
        self, copies: t.Sequence[StoredBackup], profile: _model.Profile, deadline: Deadline, progress: Progress
    ) -> None:
        self._copies = copies
        self._stored = copies[0]
        self._manifest = self._stored.manifest
        self._profile = profile
        self._deadline = deadline
        self._progress = progress
        self._checks: list[Check] = []
        self._controls: list[Control] = []
        self._parts: list[_model.Part] = []
        self._restore_seconds: float | None = None
        self.absent: t.Sequence[Absent] = ()  # repositories that were named and do not give the backup
        self.unfinished: _model.Report | None = None  # what there is to report where ``run`` has raised
        self._isolation = ""  # what kept what was restored from the host, in words

    # what an engine does itself

    @abc.abstractmethod
    def _verify_archives(self) -> None:
        """Read every artifact to its end and check what it holds: all that the profile ``artifact`` does."""

    @abc.abstractmethod
    def _verify_restored(self) -> None:
        """Restore into a scratch place and compare: the profiles ``quick`` and ``full``."""

    @abc.abstractmethod
    def _source(self) -> _model.Source:
        """What was backed up."""

    @abc.abstractmethod
    def _counts(self) -> tuple[_model.Count, ...]:
        """How much the backup holds."""

    def _controlled(self) -> Artifact | None:
        """The artifact of which damaged views are read; None where the backup has no files of ours.

        Then ``_verify_archives`` and ``_verify_restored`` plant damage of their own kind: a proof without a single
        control that was refused is not a proof.
        """
        return min(self._manifest.artifacts, key=lambda artifact: artifact.stored_bytes, default=None)

    def _plain_bytes(self) -> int:
        """The size of the data before compression."""
        return self._manifest.plain_bytes

    def _details(self) -> tuple[_model.Detail, ...]:
        """Facts that only this kind of store has."""
        return ()

    def _tool_versions(self) -> dict[str, str]:
        """The tools of the backup and of this verification."""
        return {**self._manifest.tool_versions, "python": platform.python_version()}

    # what all do in the same way

    def run(self) -> _model.Report:
        """The report.

        A backup that is not right gives a failed report, and so does a check that cannot be asked; only what keeps the
        whole question from being asked is raised. Then ``unfinished`` is the report of what was asked before.
        """
        self._check_key()
        started = datetime.datetime.now(datetime.timezone.utc)
        clock = time.monotonic()
        try:
            self._verify_all()
        except (OptionError, WrongKeyError):  # nothing was asked
            raise
        except LifeboatError as error:
            self._add_error(_ENDED, error, 0.0)
            self.unfinished = self._concluded(started, clock)
            raise
        self._controls += _controls.missing_control(self._controls)
        return self._concluded(started, clock)

    def _concluded(self, started: datetime.datetime, clock: float) -> _model.Report:
        finished = datetime.datetime.now(datetime.timezone.utc)
        return conclude(self._report(started, finished, time.monotonic() - clock))

    def _verify_all(self) -> None:
        self._verify_main()
        if self._profile == "full" and self._manifest.artifacts:
            self._guarded(_COPIES, self._verify_other_copies)
        self._progress.phase("controls", "planting damaged copies")
        self._guarded(_PLANTED, self._plant)

    def _verify_main(self) -> None:
        """What the profile asks. An error in words keeps the question from being asked, where no check has guarded it;
        one that nobody has foreseen is a check that could not be asked.
        """
        try:
            if self._profile == "artifact":
                self._verify_archives()
            else:
                self._verify_restored()
        except LifeboatError:
            raise
        except Exception as error:  # a library's own, of any kind
            self._add_error(_ENDED, error, 0.0)

    def _guarded(self, check: Check, work: t.Callable[[], None]) -> None:
        """Do a part of the proof. What keeps it from being done becomes this check with the status error: the report is
        written all the same.

        Raises what says nothing of the backup: DeadlineError, WrongKeyError, NotAskedError.
        """
        began = time.monotonic()
        try:
            work()
        except (DeadlineError, WrongKeyError, NotAskedError):
            raise
        except Exception as error:  # ours, or a library's of any kind
            self._deadline.check("The verification")
            self._add_error(check, error, time.monotonic() - began)

    def _add_error(self, check: Check, error: Exception, seconds: float) -> None:
        words = str(error).strip()
        if not isinstance(error, LifeboatError) and len(words.split()) < 2:  # a KeyError says the key alone
            words = f"{type(error).__name__}: {words}"
        message = f"It could not be asked: {words}"
        self._checks.append(dataclasses.replace(check, status="error", message=message, seconds=seconds))

    def _plant(self) -> None:
        controlled = self._controlled()
        if controlled is not None:
            self._controls += _controls.artifact_controls(self._stored, controlled)

    def _check_key(self) -> None:
        """A wrong key says nothing of the backup, so it must not become a failed proof. Raises WrongKeyError."""
        smallest = min(self._manifest.artifacts, key=lambda artifact: artifact.stored_bytes, default=None)
        if smallest is None:  # the key is the other system's, so its engine checks it
            return
        pieces: t.Iterator[bytes] = iter(())
        try:
            pieces = self._stored.open(smallest)  # which may read all of it, and find it damaged
            next(pieces, None)
        except WrongKeyError:
            # An artifact that is not what was stored is for the report to tell.
            if outcome(smallest.name, functools.partial(self._stored.check, smallest)).status == "passed":
                raise
        except LifeboatError:
            return
        finally:
            close(pieces)

    def _verify_other_copies(self) -> None:
        self._progress.phase(
            "copies", "reading the other copies", self._manifest.stored_bytes * (len(self._copies) - 1)
        )
        items = [Item(one.repository, "failed" if one.lost else "skipped", None, None, one.why) for one in self.absent]
        for copy in self._copies[1:]:
            for artifact in self._manifest.artifacts:
                items.append(
                    outcome(f"{copy.repository.name}: {artifact.name}", functools.partial(copy.check, artifact))
                )
        if not items:  # no other repository was named
            return
        check = summarised(_COPIES, items, "files in other repositories")
        unread = [f"{item.name}: {item.message}" for item in items if item.status == "skipped"]
        if check.status == "passed" and len(unread) == len(items):  # nothing compared is not the same
            check = dataclasses.replace(check, status="skipped", message="no other copy was read")
        if unread:
            check = dataclasses.replace(check, message=f"{check.message}; not read: {'; '.join(unread)}")
        self._checks.append(check)

    def _report(self, started: datetime.datetime, finished: datetime.datetime, seconds: float) -> _model.Report:
        manifest, restored, plain_bytes = self._manifest, self._restore_seconds, self._plain_bytes()
        taken = _manifest.from_iso(manifest.snapshot_at)
        return _model.Report(
            app=manifest.app,
            component=manifest.component,
            backup_id=manifest.backup_id,
            repository=self._stored.repository.name,
            profile=self._profile,
            started_at=_manifest.iso(started),
            finished_at=_manifest.iso(finished),
            source=self._source(),
            backup=_model.Backup(
                taken_at=manifest.started_at,
                snapshot_at=manifest.snapshot_at,
                age_seconds=(started - taken).total_seconds(),
                plain_bytes=plain_bytes,
                stored_bytes=manifest.stored_bytes,
                counts=self._counts(),
                compression=manifest.encoding.compression,
                encryption=manifest.encoding.encryption,
                details=self._details(),
                repositories=tuple(copy.repository.name for copy in self._copies),
            ),
            environment=_model.Environment(platform.node(), self._tool_versions(), self._isolation or None),
            measured=_model.Measured(
                restore_seconds=restored,
                verify_seconds=seconds - (restored or 0.0),
                total_seconds=seconds,
                data_age_seconds=(finished - taken).total_seconds(),
                restored_bytes_per_second=plain_bytes / restored if restored else None,
            ),
            phases=tuple(
                _model.Phase(**{**phase, "bytes": phase["bytes"] or None}) for phase in self._progress.phases()
            ),
            checks=tuple(self._checks),
            controls=tuple(self._controls),
            parts=tuple(self._parts),
            restore_by_hand=tuple(_model.Step("", command) for command in manifest.restore_by_hand),
        )


def outcome(name: str, work: t.Callable[[], object]) -> Item:
    """An item of a check: passed when the work raises no LifeboatError."""
    try:
        work()
    except LifeboatError as error:
        return Item(name, "failed", None, None, str(error))
    return Item(name, "passed")


def summarised(check: Check, items: t.Sequence[Item], what: str) -> Check:
    """The check with these items, and the status and the message that follow from them."""
    bad = [item for item in items if item.status in ("failed", "error")]
    status: CheckStatus = "failed" if bad else "passed"
    message = counted(len(items), what) if items else f"there are no {what}"
    if bad:
        shown = "; ".join(map(_said, bad[:_SHOWN]))
        more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        message = f"{len(bad)} of {len(items)} {what} {'is' if len(bad) == 1 else 'are'} wrong: {shown}{more}"
    return dataclasses.replace(check, status=status, message=message, items=tuple(items))


def _said(item: Item) -> str:
    """What is wrong with an item, with its name once."""
    named = item.message if item.name in item.message else f"{item.name}: {item.message}"
    return named.rstrip(": .")
