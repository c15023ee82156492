# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first chapter: a live database and a stream are backed up, proven, lost, and restored."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import format_bytes, format_seconds, plural
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Report

from tests.demo.place import DATABASE, RESTORED, Place
from tests.demo.playbooks import Playbooks
from tests.demo.screen import Screen
from tests.demo.story import Chapter, expect, read_report
from tests.demo.stream import BUCKET, CONSUMER, KEY_VALUES, STREAM, Application, streams_of
from tests.lab.writer import Writer

_WATCHED = ("public.package_versions", "public.relations", "stats.version_changes")  # what the application changes
_PARTITIONS = "stats.downloads_"


class Backups(Chapter):
    """Told by ``tell``, on what ``go_live`` has started."""

    def __init__(
        self, screen: Screen, place: Place, plays: Playbooks, writer: Writer, application: Application
    ) -> None:
        super().__init__(screen, place, plays)
        self._writer = writer
        self._application = application
        self._backups: list[dict[str, t.Any]] = []
        self._reports: list[Report] = []
        self.report_pages: list[str] = []

    def tell(self) -> list[Report]:
        """All of it. Gives the reports of both proofs."""
        self._back_up()
        self._again()
        self._prove()
        self._moved_on()
        self._damage()
        self._restore()
        self._lose_the_server()
        return self._reports

    def _back_up(self) -> None:
        screen = self._screen
        screen.step("Back both up in one play while they are written to: into a directory and a bucket, encrypted")
        commits, published = self._writer.commits, len(self._application.messages)
        self._backups = self._play("backup")
        database, account = self._backups
        for result in self._backups:
            expect(result["changed"] and len(result["stored_in"]) == 2, "each backup is in both repositories")
        screen.good(
            f"{database['rows']:,} rows of {plural(database['tables'], 'table')}, in one snapshot: "
            f"{format_bytes(database['plain_bytes'])} "
            f"became {format_bytes(database['stored_bytes'])} in {format_seconds(database['seconds'])}."
        )
        screen.good(
            f"{account['messages']:,} messages of {plural(len(account['streams']), 'stream')} (one is a key-value "
            "bucket), each read and "
            f"hashed as it passed: {format_bytes(account['stored_bytes'])} in {format_seconds(account['seconds'])}."
        )
        commits, published = self._writer.commits - commits, len(self._application.messages) - published
        expect(commits > 0 and published > 0, "the applications went on writing")
        screen.good(
            f"Meanwhile the applications made {plural(commits, 'commit')} and published {plural(published, 'message')}."
        )

    def _again(self) -> None:
        self._screen.step("Run the same play again: there are backups of today, so nothing is done")
        for before, result in zip(self._backups, self._plays.run("backup"), strict=True):
            expect(not result["changed"] and result["backup_id"] == before["backup_id"], "a second run changes nothing")
        identifiers = " and ".join(result["backup_id"] for result in self._backups)
        self._screen.good(f"Unchanged: max_age is 20h, and {identifiers} are in both places.")

    def _prove(self) -> None:
        screen = self._screen
        screen.step("Prove both: restore on scratch servers, and compare content hash by content hash")
        for result in self._play("verify"):
            expect(result["verdict"] == "passed", "both backups are proven")
            self._reports.append(read_report(result["report_files"]))
            self.report_pages.append(result["report_files"]["html"])
            screen.good(result["summary"])
        refused = sum(control.status == "passed" for report in self._reports for control in report.controls)
        screen.good(
            f"A verifier that cannot fail proves nothing: {plural(refused, 'copy', 'copies')} damaged on purpose, and "
            "each was refused."
        )

    def _moved_on(self) -> None:
        screen = self._screen
        screen.step("The live data has moved on; the proofs are about the moment of the backup")
        known = {part.name: part for report in self._reports for part in report.parts}
        partitions = [name for name in known if name.startswith(_PARTITIONS) and known[name].count_expected]
        tables = [*_WATCHED, *sorted(partitions)[-1:]]
        now = {**self._place.counts(tables), STREAM: self._application.last_sequence}
        rows = []
        for name, live in now.items():
            part = known[name]
            same = "equal" if part.fingerprint_expected == part.fingerprint_restored else "DIFFERS"
            moved = live - (part.count_expected or 0)
            rows.append(
                [name, f"{part.count_expected:,}", f"{part.count_restored:,}", same, f"{live:,}", f"{moved:+,}"]
            )
        screen.table(
            ["table or stream", "at the backup", "restored", "content", "live now", "since"], rows, numbers=(1, 2, 4, 5)
        )
        screen.good("Counting against live data would prove nothing.")

    def _damage(self) -> None:
        screen = self._screen
        name, position = self._place.damage()
        screen.step("A disk goes bad: one bit of the copy in the directory is flipped")
        screen.say(f"Byte {position:,} of {name}. Its size and its date are what they were.")
        catalog, proof = self._play("damage")
        damaged = catalog["backups"][0]["damaged"]
        expect(bool(damaged) and proof["verdict"] == "failed", "the damaged copy is refused")
        beginning = f"{self._place.folder}/repository/"
        screen.refused(f"backup_info: {damaged[0]['why']}".replace(beginning, ""))
        screen.refused(f"restore_verify: {proof['msg']}".replace(beginning, ""))

    def _restore(self) -> None:
        screen = self._screen
        screen.step("Restore the database: the damaged copy is passed over, the one in the bucket is used")
        (restored,) = self._play("restore")
        expect(restored["changed"] and "s3" in restored["repository"], "the copy in the bucket is restored")
        expected = {table.name: table.count_expected for table in self._reports[0].parts}
        expect(self._place.counts(expected, RESTORED) == expected, "every table has the rows of the backup")
        screen.good(
            f"The database {RESTORED} has every row of the backup, from {restored['repository']}. No damaged byte "
            "reached it."
        )

    def _lose_the_server(self) -> None:
        screen, application = self._screen, self._application
        screen.step("The NATS server dies, and its disk with it: restore every stream into an empty one")
        application.pause()
        published = len(application.messages)
        self._place.lose_the_stream()
        expect(streams_of(self._place.nats.url("shop")) == 0, "the new server is empty")
        screen.say(
            "The server was killed and its store deleted. The one that runs now has no stream, and the application "
            "waits."
        )
        restored, catalog = self._play("restore_streams")
        saved = {stream["name"]: stream for stream in self._backups[1]["streams"]}
        expect(restored["changed"] and len(restored["streams"]) == len(saved), "every stream is restored")
        self._count(published, saved)
        self._show_catalog(catalog["backups"])

    def _count(self, published: int, saved: t.Mapping[str, t.Mapping[str, t.Any]]) -> None:
        """By a client that shares nothing with the collection, against what the application remembers of what it has
        published.
        """
        screen, application = self._screen, self._application
        last = {name: int(stream["last_sequence"]) for name, stream in saved.items()}
        seen = application.read_back(last)
        expect(
            seen.messages == saved[STREAM]["messages"] and seen.different == 0, "every message is what was published"
        )
        expect(seen.revisions == saved[KEY_VALUES]["messages"], "every value of the bucket is what was put")
        screen.good(
            f"Counted by an independent client (a plain socket): {seen.messages:,} messages and {seen.revisions:,} "
            f"values in the bucket {BUCKET}, each the same as the application had published under that number."
        )
        screen.good(f"The consumer {CONSUMER} goes on behind message {seen.acknowledged:,}, where it was.")
        lost = published - seen.messages
        following = application.resume(last)
        expect(following > last[STREAM], "the stream goes on behind its last message")
        screen.good(f"The application publishes again, from message {following:,}.")
        screen.say(
            f"Lost are the {plural(lost, 'message')} since the backup: that is the price of the time between two "
            "backups."
        )

    def _show_catalog(self, backups: t.Sequence[t.Mapping[str, t.Any]]) -> None:
        screen = self._screen
        screen.step("What there is now")
        rows = []
        for backup in sorted(backups, key=lambda backup: str(backup["backup_id"])):
            damaged = {item["repository"] for item in backup["damaged"]}
            for at, repository in enumerate(backup["repositories"]):
                name = f"{backup['app']}/{backup['component']}"
                words = [
                    name,
                    backup["backup_id"],
                    format_bytes(backup["stored_bytes"]),
                    "proven" if backup["verified"] else "not proven",
                ]
                shown = words if at == 0 else [""] * len(words)
                rows.append(
                    [
                        *shown,
                        repository.removeprefix(f"{self._place.folder}/"),
                        "DAMAGED" if repository in damaged else "whole",
                    ]
                )
        screen.table(["of", "backup", "size", "verified", "where", "copy"], rows, numbers=(2,))


def go_live(screen: Screen, place: Place, packages: int | None) -> tuple[Writer, Application]:
    """Fill the database and the stream, and start an application at each, which write until the place is left."""
    screen.step("A live database, and a stream beside it")
    loaded = place.load(packages)
    size = int(place.cluster.value("SELECT pg_database_size(%s)", (DATABASE,)))
    screen.good(
        f"PostgreSQL {place.cluster.major} holds the Debian package index, from {loaded.source}: "
        f"{sum(loaded.rows.values()):,} rows "
        f"in {plural(len(loaded.rows), 'table')}, {format_bytes(size)}, loaded in {format_seconds(loaded.seconds)}."
    )
    application = place.load_stream()
    screen.good(
        f"NATS {place.nats.version} holds the stream {STREAM} with a message for each of "
        f"{len(application.messages):,} package versions, "
        f"and the key-value bucket {BUCKET} with how many each section has."
    )
    writer = place.start_writing()
    application.start()
    screen.good(
        "Two applications write, some 100 transactions and 50 messages a second, and go on while all that follows is "
        "done."
    )
    return writer, application
