# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proof always ends in a report: what keeps a check from being asked is that check's own error."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Encoding, Manifest, Reference
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._stored import StoredBackup
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DeadlineError,
    LifeboatError,
    NotAskedError,
    SourceError,
    WrongKeyError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._store import STORE
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Check, Control, Count, Report, Source
from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification

from tests.unit.mock_repository import MockRepository

TIME = "2026-01-15T02:00:00Z"
RIGHT = Check("content.rows", "Every row is back", "content", "passed")


class MockVerification(Verification):
    """The proof of a reference: a check that passes, one that may fail to be asked, and a control."""

    error: Exception | None = None  # of the guarded check
    outer: Exception | None = None  # of what no check guards
    planted: t.Sequence[Control] = (Control("control.own", "A damaged one", "one byte", "passed"),)

    def _verify_archives(self) -> None:
        self._checks.append(RIGHT)
        self._guarded(Check("structure.more", "More is right", "structure", "passed"), self._more)
        self._controls += self.planted
        if self.outer is not None:
            raise self.outer  # pylint: disable=raising-bad-type

    def _more(self) -> None:
        if self.error is not None:
            raise self.error  # pylint: disable=raising-bad-type

    def _verify_restored(self) -> None:
        raise AssertionError("not asked for")

    def _source(self) -> Source:
        return Source.of(STORE, "17", "codex", "db1")

    def _counts(self) -> tuple[Count, ...]:
        return ()


def verification(**attributes: t.Any) -> MockVerification:
    reference = Reference("restic", "ab12")
    manifest = Manifest(
        *("shop", "codex", "20260115T020000Z-3f9a2c", "paths", TIME, TIME, TIME, "db1"),
        {},
        Encoding("none", "none"),
        (),
        {},
        reference=reference,
    )
    stored = StoredBackup(
        manifest, MockRepository(), open_compressor({"engine": "none"}), open_cipher({"engine": "none"})
    )
    made = MockVerification([stored], "artifact", Deadline(), Progress(None, ""))
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def proof(**attributes: t.Any) -> Report:
    return verification(**attributes).run()


def test_a_reference_is_proven_without_files_of_ours() -> None:
    report = proof()
    assert report.verdict == "passed" and [control.id for control in report.controls] == ["control.own"]


@pytest.mark.parametrize("planted", [(), (Control("control.own", "A damaged one", "", "skipped"),)])
def test_a_proof_in_which_nothing_damaged_was_refused_is_red(planted: t.Sequence[Control]) -> None:
    report = proof(planted=planted)
    assert report.verdict == "failed" and report.controls[-1].id == "control.none"


@pytest.mark.parametrize("error", [SourceError("The server is gone."), KeyError("x"), OSError("No such thing")])
def test_a_check_that_cannot_be_asked_is_an_error_in_the_report_and_the_others_are_kept(error: Exception) -> None:
    report = proof(error=error)
    found = {check.id: check for check in report.checks}
    assert report.verdict == "failed" and found["content.rows"].status == "passed"
    assert found["structure.more"].status == "error" and str(error) in found["structure.more"].message
    assert report.controls[0].status == "passed", "the rest was asked"


def test_an_error_that_nobody_has_foreseen_is_in_the_report() -> None:
    report = proof(outer=RuntimeError("odd"))
    assert report.verdict == "failed" and report.checks[-1].status == "error"
    assert "RuntimeError: odd" in report.checks[-1].message


@pytest.mark.parametrize("error", [DeadlineError("late"), WrongKeyError("wrong"), NotAskedError("no room")])
def test_what_says_nothing_of_the_backup_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        proof(error=error)
    with pytest.raises(SourceError):
        proof(outer=SourceError("The scratch server does not start."))


@pytest.mark.parametrize(
    "errors",
    [
        {"outer": SourceError("The scratch server does not start.")},
        {"error": DeadlineError("The time limit of 5 s is over.")},
        {"error": NotAskedError("There is no room.")},
    ],
)
def test_what_is_raised_leaves_a_report_of_what_was_asked_before(errors: dict[str, Exception]) -> None:
    made = verification(**errors)
    with pytest.raises(LifeboatError):
        made.run()
    report = made.unfinished
    assert report is not None and report.verdict == "failed"
    found = {check.id: check for check in report.checks}
    assert found["content.rows"].status == "passed" and found["verification.end"].status == "error"
    assert str(next(iter(errors.values()))) in found["verification.end"].message


def test_a_wrong_key_leaves_no_report() -> None:
    made = verification(error=WrongKeyError("wrong"))
    with pytest.raises(WrongKeyError):
        made.run()
    assert made.unfinished is None
