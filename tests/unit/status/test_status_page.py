# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table, the page and the joining of many hosts, read back."""

from __future__ import annotations

import datetime
import html.parser
import typing as t

from ansible_collections.lifeboat.dr.plugins.filter.with_databases import with_databases
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import utc_timestamp
from ansible_collections.lifeboat.dr.plugins.module_utils._status._databases import database_lines
from ansible_collections.lifeboat.dr.plugins.module_utils._status._fleet import join, to_document
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import (
    BAD,
    GOOD,
    UNKNOWN,
    Expected,
    Proof,
    Seen,
    SeenBackup,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._page import render_page
from ansible_collections.lifeboat.dr.plugins.module_utils._status._result import to_result
from ansible_collections.lifeboat.dr.plugins.module_utils._status._table import table
from ansible_collections.lifeboat.dr.plugins.module_utils._status._verdict import judge
from ansible_collections.lifeboat.dr.plugins.module_utils._status._words import percent, short
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
HOSTILE = "<script>alert(1)</script>\"'&amp;\u202e\x1b</style></title>-->"
HOSTILE_SHOWN = "<script>alert(1)</script>\"'&amp;\u27e8U+202E\u27e9\u241b</style></title>-->"


def result(*hours: float, app: str = "shop", component: str = "codex", rpo: int = 26) -> dict[str, t.Any]:
    """What ``backup_status`` returns for one component with backups of so many hours ago, the newest proven."""
    proofs = tuple(Proof(NOW - hour * HOUR, True, 40.0 + hour, "one") for hour in hours)
    backups = tuple(
        SeenBackup(
            f"{NOW - hour * HOUR:%Y%m%dT%H%M%SZ}-00000a", NOW - hour * HOUR, NOW - hour * HOUR, 60.0, "postgresql",
            1000 + int(hour), 300, "none", 0, ("/backups",), proof,
        )
        for hour, proof in zip(hours, proofs, strict=True)
    )  # fmt: skip
    seen = Seen(app, component, backups, proofs, len(backups), NOW - 99 * HOUR if hours else None)
    expected = Expected(rpo * HOUR, HOUR, 200 * HOUR)
    status = judge(seen, expected, NOW, repositories=["/backups"], unreachable={})
    return {
        "components": [to_result(status)],
        "repositories": [{"name": "/backups", "reached": True, "why": ""}],
    }


class Page(html.parser.HTMLParser):
    """The elements, attributes and visible text of a page; complains about what is not closed."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def test_a_host_that_gave_no_status_is_unknown_and_is_named() -> None:
    fleet = join({"db1": result(2, 26), "db2": {"msg": "Connection timed out", "unreachable": True}, "db3": None},
                 utc_timestamp(NOW))  # fmt: skip
    assert fleet.state == UNKNOWN and fleet.counts[GOOD] == 1
    assert fleet.silent == (("db2", "Connection timed out"), ("db3", "no status was taken there"))
    assert to_document(fleet)["silent_hosts"][0] == {"host": "db2", "why": "Connection timed out"}
    text = Page(render_page(fleet)).text
    assert "Connection timed out" in text and "or set it up with lifeboat.dr.backup_install" in text


def test_a_host_without_any_component_is_not_good() -> None:
    assert join({"db1": {"components": []}}, utc_timestamp(NOW)).state == UNKNOWN
    assert join({}, utc_timestamp(NOW)).state == UNKNOWN
    assert join({"db1": {"components": [{"state": "good"}]}}, utc_timestamp(NOW)).state == UNKNOWN


def test_a_certificate_that_ends_is_part_of_the_verdict() -> None:
    ending = {
        "name": "database", "place": "db1:5432", "not_after": "2026-12-01T00:00:00Z", "state": "bad",
        "message": "It expires in 12 h.", "host": "",
    }  # fmt: skip
    fleet = join({"db1": {**result(2, 26), "certificates": [ending]}}, utc_timestamp(NOW))
    assert fleet.state == BAD and to_document(fleet)["certificates"] == [{**ending, "host": "db1"}]
    assert "  BAD     database (db1:5432): It expires in 12 h." in table(fleet.statuses, NOW, fleet.certificates)
    text = Page(render_page(fleet)).text
    assert "db1:5432" in text and "It expires in 12 h." in text and "2026-12-01" in text


def test_the_table_has_the_worst_first_and_says_what_to_do() -> None:
    fleet = join({"db1": result(2, 26), "db2": result(50, 74, component="ledger")}, utc_timestamp(NOW))
    lines = table(fleet.statuses, NOW)
    assert [line.split()[0] for line in lines[2:4]] == ["BAD", "GOOD"]
    assert "db2" in lines[2] and "2 d 2 h" in lines[2] and "26 h" in lines[2]
    assert any(line.startswith("  BAD     The newest good backup is 2 d 2 h old") for line in lines)
    assert lines[-1] == "2 components: 1 bad, 1 good."
    assert max(map(len, lines)) <= 140


def test_the_next_run_is_shown_where_it_is_known() -> None:
    shown = result(2, 26)
    shown["components"][0]["next_run"] = "2026-12-01T01:00:00Z"
    fleet = join({"db1": shown, "db2": result(2, 26, component="ledger")}, utc_timestamp(NOW))
    lines = table(fleet.statuses, NOW)
    assert [line.split()[-1] for line in lines[:1]] == ["next"]
    assert [line.endswith("in 13 h") for line in lines[2:4]] == [True, False] and lines[3].endswith(" -")
    assert "next 2026-12-01 01:00" in Page(render_page(fleet)).text
    assert to_document(fleet)["components"][0]["next_run"] == "2026-12-01T01:00:00Z"


def test_the_page_loads_nothing_runs_nothing_and_says_all_of_it() -> None:
    fleet = join({"db1": result(2, 26, 50), "db2": result(component="ledger")}, utc_timestamp(NOW))
    source = render_page(fleet, "Our fleet")
    page = Page(source)
    assert fleet.state == BAD and "BAD: Our fleet" in page.text
    assert not {"script", "iframe", "object", "img"} & set(page.tags)
    assert all(value == "data:," or value.startswith("#") for name, value in page.attributes if name in ("href", "src"))
    assert page.tags.count("polyline") == 2, "the sizes and the restore times of one component"
    for words in ("shop/codex", "shop/ledger", "There is no backup.", "2 h old", "1 of 2", "/backups"):
        assert words in page.text.replace("\u2068", ""), words


def test_no_value_becomes_markup() -> None:
    hostile = result(50, app=HOSTILE, component=HOSTILE)
    hostile["components"][0]["problems"][0]["message"] = HOSTILE
    hostile["repositories"][0] |= {"name": HOSTILE, "reached": False, "why": HOSTILE}
    fleet = join({HOSTILE: hostile, "db2": {"msg": HOSTILE}}, utc_timestamp(NOW))
    page = Page(render_page(fleet, HOSTILE))
    assert "script" not in page.tags and page.text.count(HOSTILE_SHOWN) >= 6
    assert all("\x1b" not in line and "\u202e" not in line for line in table(fleet.statuses, NOW))


@given(st.floats(0, 1e9))
def test_short_words_end_with_a_unit_and_never_with_nothing(seconds: float) -> None:
    words = short(seconds)
    assert words.split()[-1] in {"s", "min", "h", "d"} and " 0 " not in words


def test_words_of_ages_and_changes() -> None:
    assert [short(one) for one in (3600, 90000, 8 * 86400, 75, None)] == ["1 h", "25 h", "8 d", "1 min 15 s", "unknown"]
    assert [percent(one) for one in (0.123, -0.6, 0.001, 12.0)] == ["+12%", "-60%", "\u00b10%", "+1200%"]


HEALTH: dict[str, t.Any] = {
    "state": "warning", "bytes": 5_000_000_000, "connections": 7, "max_connections": 100, "oldest_xid_age": 214748364,
    "oldest_transaction_seconds": 7200.0, "archive_mode": "on", "archiver": {"failing": True},
    "tables": [{"schema": "public", "name": HOSTILE, "bytes": 3_000_000_000, "live_rows": 60, "dead_rows": 40}],
    "findings": [{"state": "warning", "code": "x", "message": "It is full of dead rows.", "next_step": "Vacuum."}],
}  # fmt: skip


def test_databases_are_shown_beside_their_backups_and_change_no_state() -> None:
    looked = {"hosts": {"monitoring_health": {"results": [{"monitoring_name": "codex", **HEALTH}]}}}
    failed = {"monitoring_name": "ledger", "failed": True, "msg": "Cannot connect."}
    looked["hosts"]["monitoring_health"]["results"] += [failed, {"monitoring_name": "x", "skipped": True}]
    statuses = with_databases({"db1": result(2, 26), "db2": result(2, 26)}, {"db1": looked["hosts"], "db2": {}})
    fleet = join(statuses, utc_timestamp(NOW))
    assert fleet.state == join({"db1": result(2, 26)}, utc_timestamp(NOW)).state
    assert [one["state"] for one in to_document(fleet)["databases"]] == ["warning", "unknown"]
    text = Page(render_page(fleet)).text
    for words in ("5.0 GB", "40% dead", "archiver fails", "10.0% of", "Vacuum.", "Cannot connect.", "2 h"):
        assert words in text, words
    assert HOSTILE not in render_page(fleet)
    lines = database_lines(fleet.databases, several_hosts=True)
    assert "  UNKNOWN db1: ledger" in lines and "  WARNING db1: codex, 5.0 GB" in lines
