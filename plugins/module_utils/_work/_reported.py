# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A proof with its reports, and what a module returns of it: the same for backups of ours and for what others left."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._report._content import failure_of
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Report
from ansible_collections.lifeboat.dr.plugins.module_utils._report._write import write_reports

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._verify._verification import Verification


def run_and_report(verification: Verification, report_dir: str | None) -> tuple[Report, dict[str, str]]:
    """The report, and the paths of its files in ``report_dir`` by their kind; none where no folder is named.

    Raises LifeboatError where the question could not be asked. Then there is a report, too: its files are in the
    error's details.
    """
    try:
        report = verification.run()
    except LifeboatError as error:
        if verification.unfinished is not None and report_dir:
            error.details["report_files"] = write_reports(verification.unfinished, report_dir)
        raise
    return report, write_reports(report, report_dir) if report_dir else {}


def result_of(report: Report) -> dict[str, t.Any]:
    """The part of a module's result that a report gives; ``msg`` where the proof did not pass."""
    result: dict[str, t.Any] = {
        "verdict": report.verdict,
        "summary": report.summary,
        "measured": report.to_dict()["measured"],
        "checks": [
            {"id": check.id, "title": check.title, "status": check.status, "message": check.message}
            for check in report.checks
        ],
        "controls": [
            {"id": control.id, "status": control.status, "message": control.message} for control in report.controls
        ],
    }
    if report.verdict != "passed":
        result["msg"] = failure_of(report)
    return result
