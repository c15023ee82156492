# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo's story: a live database is backed up, proven, lost in one place, and restored from the other."""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import signal
import sys
import time
import types
import typing as t

import psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._report._format import format_bytes, format_seconds, plural
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Report
from ansible_collections.lifeboat.dr.plugins.module_utils._report._text import render_text

from tests.demo.place import DATABASE, RESTORED, Place
from tests.demo.playbooks import DemoError, Playbooks
from tests.demo.screen import Screen
from tests.lab.throwaway import LabError
from tests.lab.writer import Writer

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_WATCHED = ("package_versions", "relations", "stats.downloads", "stats.version_changes")  # what the application changes


def main() -> int:
    """The exit code: 0 when everything was seen that is promised, 1 when not, 128 and more when a signal has ended it."""
    options = _options()
    screen = Screen()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        _Story(screen, options).tell()
    except KeyboardInterrupt:
        screen.failure("stopped; everything is removed again.")
        return 130
    except (DemoError, LabError, LifeboatError, psycopg2.Error, OSError) as error:
        screen.failure(str(error).strip())
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description="Back up a live database, restore it, prove it: on throw-away servers.")
    parser.add_argument("--packages", type=int, metavar="N", help="take the first N packages of the index only (default: all)")
    parser.add_argument("--output", type=pathlib.Path, default=_ROOT / "tests" / "output" / "demo", help="where the report is kept")
    return parser.parse_args()


def _leave(number: int, _frame: types.FrameType | None) -> None:
    sys.exit(128 + number)


class _Story:
    """Its steps, in order; each leaves behind what the next ones tell of."""

    def __init__(self, screen: Screen, options: argparse.Namespace) -> None:
        self._screen = screen
        self._options = options
        self._backup: dict[str, t.Any] = {}
        self._report_files: dict[str, str] = {}

    def tell(self) -> None:
        """All of it. Whatever was started has ended when this returns or raises."""
        began = time.monotonic()
        self._screen.title(
            "lifeboat.dr: a backup that is proven",
            "An Ansible collection backs up a live database, restores the backup, and compares every row with what was there. It runs on a "
            "PostgreSQL server and an S3 server that are started here, on loopback, and thrown away at the end.",
        )
        shutil.rmtree(self._options.output, ignore_errors=True)
        with Place() as place:
            writer = self._live_database(place)
            plays = Playbooks(self._screen, place.folder, place.variables(self._options.output.resolve()), place.store.environment)
            self._back_up(plays, writer)
            self._again(plays)
            self._prove(plays)
            self._moved_on(place, writer)
            self._damage(place, plays)
            self._restore(place, plays)
        self._end(time.monotonic() - began)

    def _live_database(self, place: Place) -> Writer:
        screen = self._screen
        screen.step("A live database")
        loaded = place.load(self._options.packages)
        size = int(place.cluster.value("SELECT pg_database_size(%s)", (DATABASE,)))
        screen.good(
            f"PostgreSQL {place.cluster.major} holds the Debian package index, from {loaded.source}: {sum(loaded.rows.values()):,} rows "
            f"in {plural(len(loaded.rows), 'table')}, {format_bytes(size)}, loaded in {format_seconds(loaded.seconds)}."
        )
        writer = place.start_writing()
        screen.good("An application writes to it, about 100 transactions a second, and does not stop for any of what follows.")
        return writer

    def _back_up(self, plays: Playbooks, writer: Writer) -> None:
        screen = self._screen
        screen.step("Back it up while it is written to: into a directory and a bucket, encrypted for two keys")
        plays.show("backup")
        commits = writer.commits
        self._backup = result = plays.run("backup")[0]
        _expect(result["changed"] and len(result["stored_in"]) == 2, "the backup is in both repositories")
        screen.good(
            f"{result['rows']:,} rows of {plural(result['tables'], 'table')} in one snapshot: {format_bytes(result['plain_bytes'])} became "
            f"{format_bytes(result['stored_bytes'])} in {format_seconds(result['seconds'])}, in both places."
        )
        commits = writer.commits - commits
        _expect(commits > 0, "the application went on writing")
        screen.good(f"Meanwhile the application made {plural(commits, 'commit')}. None of them is in the backup in part.")

    def _again(self, plays: Playbooks) -> None:
        self._screen.step("Run the same play again: there is a backup of today, so nothing is done")
        result = plays.run("backup")[0]
        _expect(not result["changed"] and result["backup_id"] == self._backup["backup_id"], "a second run changes nothing")
        self._screen.good(f"Unchanged: max_age is 20h, and {result['backup_id']} is in both places.")

    def _prove(self, plays: Playbooks) -> None:
        screen = self._screen
        screen.step("Prove it: restore into a scratch cluster, and compare content hash by content hash")
        plays.show("verify")
        result = plays.run("verify")[0]
        _expect(result["verdict"] == "passed", "the backup is proven")
        self._report_files = result["report_files"]
        refused = sum(control["status"] == "passed" for control in result["controls"])
        screen.good(result["summary"])
        screen.good(f"The recovery time is measured, not guessed: {format_seconds(result['measured']['restore_seconds'])}.")
        screen.good(
            f"A verifier that cannot fail proves nothing: {plural(refused, 'copy', 'copies')} damaged on purpose, and each was refused."
        )

    def _moved_on(self, place: Place, writer: Writer) -> None:
        self._screen.step("The live database has moved on; the proof is about the moment of the backup")
        known = {table.name: table for table in self._report().parts}
        tables = [name for name in known if name.removeprefix("public.") in _WATCHED or name in _WATCHED or "downloads_" in name]
        now = place.counts(tables)
        rows = []
        for name in tables:
            table = known[name]
            if table.count_expected or now[name]:
                same = "equal" if table.fingerprint_expected == table.fingerprint_restored else "DIFFERS"
                moved = now[name] - (table.count_expected or 0)
                rows.append([name, f"{table.count_expected:,}", f"{table.count_restored:,}", same, f"{now[name]:,}", f"{moved:+,}"])
        self._screen.table(["table", "rows at the backup", "restored", "content", "live now", "since"], rows, numbers=(1, 2, 4, 5))
        self._screen.good(f"{plural(writer.commits, 'commit')} so far. Counting against the live database would prove nothing.")

    def _damage(self, place: Place, plays: Playbooks) -> None:
        screen = self._screen
        name, position = place.damage()
        screen.step("A disk goes bad: one bit of the copy in the directory is flipped")
        screen.say(f"Byte {position:,} of {name}. Its size and its date are what they were.")
        plays.show("damage")
        catalog, proof = plays.run("damage")
        damaged = catalog["backups"][0]["damaged"]
        _expect(bool(damaged) and proof["verdict"] == "failed", "the damaged copy is refused")
        beginning = f"{place.folder}/repository/"
        screen.refused(f"backup_info: {damaged[0]['why']}".replace(beginning, ""))
        screen.refused(f"restore_verify: {proof['msg']}".replace(beginning, ""))

    def _restore(self, place: Place, plays: Playbooks) -> None:
        screen = self._screen
        screen.step("Restore: the damaged copy is passed over, the one in the bucket is used")
        plays.show("restore")
        restored, catalog = plays.run("restore")
        _expect(restored["changed"] and "s3" in restored["repository"], "the copy in the bucket is restored")
        expected = {table.name: table.count_expected for table in self._report().parts}
        _expect(place.counts(expected, RESTORED) == expected, "every table has the rows of the backup")
        screen.good(f"The database {RESTORED} has every row of the backup, from {restored['repository']}. No damaged byte reached it.")
        self._backups(catalog["backups"], f"{place.folder}/")

    def _backups(self, backups: t.Sequence[t.Mapping[str, t.Any]], folder: str) -> None:
        self._screen.step("What there is now")
        rows = []
        for backup in backups:
            damaged = {item["repository"] for item in backup["damaged"]}
            for at, repository in enumerate(backup["repositories"]):
                ratio = f"{backup['plain_bytes'] / backup['stored_bytes']:.1f}"
                words = [backup["backup_id"], format_bytes(backup["stored_bytes"]), ratio, "proven" if backup["verified"] else "not proven"]
                shown = words if at == 0 else [""] * len(words)
                rows.append([*shown, repository.removeprefix(folder), "DAMAGED" if repository in damaged else "whole"])
        self._screen.table(["backup", "size", "times smaller", "verified", "where", "copy"], rows, numbers=(1, 2))

    def _end(self, seconds: float) -> None:
        screen = self._screen
        screen.step("The proof")
        screen.plain(render_text(self._report(), screen.width, screen.ascii_only))
        screen.plain(f"The report, as a page to keep: {self._report_files['html']}")
        screen.plain(f"All else is removed again. This took {format_seconds(seconds)}.")

    def _report(self) -> Report:
        return Report.from_dict(json.loads(pathlib.Path(self._report_files["json"]).read_text(encoding="utf-8")))


def _expect(held: bool, promise: str) -> None:
    if not held:
        raise DemoError(f"not seen: {promise}.")
