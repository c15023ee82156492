# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What states of ``s3_recover`` that copy have in common: batches, the journal, and what becomes of each object."""

from __future__ import annotations

import dataclasses
import secrets
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DamagedError,
    DeadlineError,
    LifeboatError,
    OptionError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._batches import for_each, in_batches
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._encryption import CustomerKeyError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._keys import is_doubtful
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import SIZE
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import DOUBTFUL
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._copy import (
    SERVER,
    STREAM,
    ChangedError,
    ConflictError,
    Copier,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import Wanted
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import NOT_SENT, SKEWED, S3Error
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_action import Action, fail

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import Row
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._journal import Journal

_MOST_BROKEN, _MOST_REFUSED = 20, 1000  # each of the first kind was tried again for minutes
_OF_ALL = {
    "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "NoSuchBucket", "PermanentRedirect",
    "QuotaExceeded", "SignatureDoesNotMatch", "SlowDown", "ServiceUnavailable", "XMinioStorageFull", SKEWED,
}  # fmt: skip
BATCH = 50  # copies between two entries of the journal


class CopyAction(Action):
    """An action that copies from the side ``origin`` to the side ``target``."""

    origin = "source"
    target = "destination"
    copier: Copier
    _refused_in_a_row = 0

    def copy_all(self, wanted: t.Iterator[Wanted], journal: Journal | None) -> None:
        """Copy each, in batches; in check mode, count each."""
        for_each(in_batches(wanted, BATCH), lambda batch: self.copy_batch(batch, journal), self.parallel, self.deadline)

    def open_copier(self) -> None:
        """By the server where it can, or as the option ``method`` says. Raises OptionError."""
        method = self.options["method"]
        same_server = self.one_server
        if method == SERVER and not same_server:
            raise OptionError(
                "method: server, but source and destination are not one server with one access key.",
                hint="Set method to stream or auto: the bytes pass through this host then.",
            )
        profile = self.profile(self.target)
        kind = self.profile(self.origin).name
        self.method = STREAM if method == STREAM or not same_server else SERVER
        self.copier = Copier(
            self.sides[self.origin],
            self.sides[self.target],
            profile,
            self.method,
            self.deadline,
            lambda request: self.counts.add(f"requests:{request}"),
            kind,
        )

    def check_versioned(self, way_out: str) -> None:
        """Raises LifeboatError where an object that is copied over would be lost: the target keeps no versions."""
        side = self.sides[self.target]
        answer: t.Any = side.call(
            "Reading the versioning", lambda client: client.get_bucket_versioning(Bucket=side.bucket)
        )
        if answer.get("Status") != "Enabled":
            raise LifeboatError(
                f"{self.target}.bucket: {side.bucket!r} keeps no versions, so what is copied over would be lost. "
                "Nothing was changed.",
                hint=f"Enable its versioning, or {way_out}.",
            )

    def copy_batch(self, batch: t.Sequence[Wanted], journal: Journal | None) -> None:
        """The work of one thread: note what will be copied, copy it, note what was."""
        if journal is None:
            for wanted in batch:
                self._count_planned(wanted)
            return
        if not batch:
            return
        intent = [[wanted.key, wanted.etag, wanted.before] for wanted in batch]
        number = secrets.token_hex(6)
        journal.note({"copy": intent, "to": self.target, "batch": number})
        done: list[list[str]] = []
        try:
            for wanted in batch:
                self.deadline.check("Copying")
                version = self._copy_one(wanted)
                if version is not None:
                    done.append([wanted.key, version, wanted.before])
        finally:
            journal.note({"copied": done, "to": self.target, "batch": number})

    def _count_planned(self, wanted: Wanted) -> None:
        self.counts.add("copied", sample={"key": wanted.key, "size": wanted.size})
        self.counts.add("bytes", wanted.size)
        self.counts.add("requests:get" if self.method == STREAM else "requests:copy")
        self.counts.add("requests:put" if self.method == STREAM else "requests:head")

    def _copy_one(self, wanted: Wanted) -> str | None:
        try:
            version = self.copier.copy(wanted)
        except ConflictError:
            self.counts.add("conflicts:newer_at_the_target", sample={"key": wanted.key})
        except ChangedError:
            if is_doubtful(wanted.key.encode()):
                self.pass_over(wanted.key, DOUBTFUL)
            else:
                self.counts.add("conflicts:original_changed", sample={"key": wanted.key})
        except DamagedError as error:
            self.counts.add("damaged", sample={"key": wanted.key, "reason": error.message})
        except CustomerKeyError:
            self.counts.add("left_alone:key_of_the_customer", sample={"key": wanted.key})
        except LifeboatError as error:
            if error.details.get("code") == "InvalidObjectState":
                self.counts.add("left_alone:archived", sample={"key": wanted.key})
            elif is_of_one_object(error) and not self._is_too_many(error):
                self.pass_over(wanted.key, str(error))
            else:
                raise
        else:
            self.counts.add("copied", sample={"key": wanted.key, "size": wanted.size})
            self.counts.add("bytes", wanted.size)
            self._refused_in_a_row = 0
            return version
        return None

    def _is_too_many(self, error: LifeboatError) -> bool:
        """Whether so many were refused without a single success between them that all will be."""
        self._refused_in_a_row += 1
        most = _MOST_BROKEN if int(error.details.get("status") or 0) >= 500 else _MOST_REFUSED
        return self._refused_in_a_row > most

    def copied_result(self, journal: Journal | None, *, changed: bool = False, **more: t.Any) -> dict[str, t.Any]:
        """The result; a damaged original fails the task after the rest was done."""
        copied = self.counts["copied"]
        if self.copier.encryption.weaker:
            self.module.warn(
                f"Originals are encrypted with KMS, and their copies are not: {self.sides[self.target].name} has no "
                "KMS key."
            )
        self.warn_of_less(self.copier)
        target = self.sides[self.target].settings.name
        result = self.result(
            bool(copied) or changed,
            journal.path if journal else None,
            copied={
                "objects": copied,
                "bytes": self.counts["bytes"],
                "conflicts": self.counts.of("conflicts"),
                "method": self.method,
            },
            left_alone=self.counts.of("left_alone"),
            race_free=self.copier.race_free,
            **more,
        )
        result["diff"] = {
            "before": f"{target}: {copied} objects missing or different\n",
            "after": f"{target}: {copied} objects copied\n",
        }
        if self.counts["damaged"]:
            fail(
                result, f"{self.counts['damaged']} originals are damaged: see samples.damaged. The others were copied."
            )
        self.warn_of_nothing()
        return result


def is_of_one_object(error: LifeboatError) -> bool:
    """Whether an error says something of one object, so that the others may well be copied."""
    if isinstance(error, (OptionError, DeadlineError)):
        return False
    if not isinstance(error, S3Error):
        return True
    return error.code == NOT_SENT or (error.status >= 400 and error.status != 429 and error.code not in _OF_ALL)


def listed(row: Row, key: str, **more: t.Any) -> Wanted:
    """An object as a listing has it."""
    version = row[4].decode() if len(row) > 4 else ""
    return dataclasses.replace(Wanted(key, row[2].decode("ascii", "replace"), int(row[SIZE] or b"0"), version), **more)
