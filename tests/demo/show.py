# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo: a live database and a stream are backed up, proven, lost and restored; a replicated bucket is damaged and
healed; an application moves to another region.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import signal
import sys
import time
import types
import typing as t

import nats.errors
import psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_seconds, plural
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Report
from botocore.exceptions import BotoCoreError, ClientError

from tests.demo.place import Place
from tests.demo.playbooks import DemoError, Playbooks
from tests.demo.screen import Screen
from tests.demo.story_backups import Backups, go_live
from tests.demo.story_bucket import Replica
from tests.demo.story_regions import Failover
from tests.demo.story_status import Status
from tests.lab.throwaway import LabError

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_MOMENT_SECONDS = 0.1


def main() -> int:
    """The exit code: 0 when everything was seen that is promised, 1 when not, 128 and more when a signal has ended
    it.
    """
    options = _options()
    screen = Screen()
    sys.unraisablehook = _not_lost
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        _tell(screen, options)
    except KeyboardInterrupt:
        screen.failure("stopped; everything is removed again.")
        return 130
    except (
        DemoError,
        LabError,
        LifeboatError,
        psycopg2.Error,
        nats.errors.Error,
        BotoCoreError,
        ClientError,
        OSError,
    ) as error:
        screen.failure(str(error).strip())
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # all has ended, and Python's own end is not to be interrupted
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="demo",
        description="Back up a live database and a stream, lose them, restore them, prove it: on throw-away servers.",
    )
    parser.add_argument(
        "--packages",
        type=int,
        metavar="N",
        help="take the first N packages of the index only, at least 1000 (default: all)",
    )
    parser.add_argument(
        "--output", type=pathlib.Path, default=_ROOT / "tests" / "output" / "demo", help="where the reports are kept"
    )
    return parser.parse_args()


def _leave(number: int, _frame: types.FrameType | None) -> None:
    sys.exit(128 + number)


def _not_lost(unraisable: t.Any) -> None:
    """A signal that arrives while Python is in a destructor raises there, where nobody catches it: it would be printed
    with a trace, and forgotten. It is raised once more, a moment later.
    """
    error = unraisable.exc_value
    if not isinstance(error, (KeyboardInterrupt, SystemExit)):
        sys.__unraisablehook__(unraisable)
        return
    again = type(error)(*error.args)

    def raise_again(_number: int, _frame: types.FrameType | None) -> None:
        raise again

    signal.signal(signal.SIGALRM, raise_again)
    signal.setitimer(signal.ITIMER_REAL, _MOMENT_SECONDS)


def _tell(screen: Screen, options: argparse.Namespace) -> None:
    """The whole story. Whatever was started has ended when this returns or raises."""
    screen.title(
        "lifeboat.dr: backups that are proven",
        "An Ansible collection backs up a live database and a stream, restores both, and compares every row and "
        "message with what was there; then it heals a replicated bucket, and moves an application to another region. "
        "Servers of PostgreSQL, NATS and S3 are started here, on loopback, and thrown away at the end.",
    )
    shutil.rmtree(options.output, ignore_errors=True)
    Place.install()
    began = time.monotonic()
    with Place() as place:
        writer, application = go_live(screen, place, options.packages)
        plays = Playbooks(screen, place.folder, place.variables(options.output.resolve()), place.store.environment)
        backups = Backups(screen, place, plays, writer, application)
        reports = backups.tell()
        Replica(screen, place, plays).tell()
        moved = Failover(screen, place, plays, options.output.resolve()).tell()
        status = Status(screen, place, plays, options.output.resolve()).tell()
    _end(screen, reports, [*backups.report_pages, moved], status, time.monotonic() - began)


def _end(screen: Screen, reports: list[Report], pages: list[str], status: str, seconds: float) -> None:
    screen.step("What was proven")
    rows = []
    for report in reports:
        words, count = report.source.words, sum(part.count_restored or 0 for part in report.parts)
        measured, refused = report.measured, sum(control.status == "passed" for control in report.controls)
        rows.append(
            [
                f"{report.app}/{report.component}",
                f"{count:,} {words.units} in {plural(len(report.parts), words.part)}",
                f"{sum(check.status == 'passed' for check in report.checks)}",
                f"{refused} of {len(report.controls)} refused",
                format_seconds(measured.restore_seconds),
                report.verdict.upper(),
            ]
        )
    screen.table(
        ["backup of", "equal hash by hash", "checks", "damaged copies", "restored in", "verdict"], rows, numbers=(2, 4)
    )
    screen.plain("The reports, as pages to keep:")
    for page in pages:
        screen.plain(f"  {page}")
    screen.plain("The status of the fleet, as a page that the rehearsal and the timer write anew:")
    screen.plain(f"  {status}")
    screen.plain(f"All else is removed again. This took {format_seconds(seconds)}.")
