# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which delete markers are removed: exactly those of the window that hide something, and never a version.

Batches, keys, the journal.
"""

from __future__ import annotations

import datetime
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _batches, _clock, _keys
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import Row, parse_time
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal import _journal, _undelete
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._undelete import Marker, Window
from hypothesis import given
from hypothesis import strategies as st

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
WINDOW = Window(
    _START + datetime.timedelta(seconds=10), _START + datetime.timedelta(seconds=20), datetime.timedelta(seconds=5)
)


def row(second: int, marker: bool) -> Row:
    modified = (_START + datetime.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
    return (b"key", modified, b"" if marker else b"etag", b"" if marker else b"1", f"v{second}".encode(), b"false")


def _made(entry: Row) -> datetime.datetime:
    made = parse_time(entry[1])
    assert made is not None
    return made


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """Versions and markers of one key, the newest first."""
    seconds = sorted(draw(st.sets(st.integers(0, 30), max_size=6)), reverse=True)
    return [row(second, draw(st.booleans())) for second in seconds]


def visible(history: t.Sequence[Row]) -> str:
    return history[0][4].decode() if history and history[0][3] else ""


@given(histories())
def test_a_key_is_as_it_was_before_the_window_or_left_alone(history: list[Row]) -> None:
    decided = _undelete.decide((b"key", history, []), WINDOW)
    removed = {marker.version_id for marker in decided.source}
    by_id = {entry[4].decode(): entry for entry in history}
    assert all(not by_id[version][3] and WINDOW.holds(_made(by_id[version])) for version in removed)
    left = [entry for entry in history if entry[4].decode() not in removed]
    if removed:
        assert not visible(history) and visible(left) == decided.source[0].below
        assert _undelete.decide((b"key", left, []), WINDOW).source == []
    elif history and not visible(history) and WINDOW.holds(_made(history[0])):
        assert decided.nothing_below or decided.deleted_before


_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _ulid(when: datetime.datetime) -> bytes:
    number = round((when - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)).total_seconds() * 1000)
    return "".join(_DIGITS[number >> (5 * place) & 31] for place in reversed(range(10))).encode() + b"TTTHQ9NGGGRDWKTX"


def test_a_marker_with_the_time_of_what_it_hides_has_its_own_in_its_version_id() -> None:
    """VersityGW 1.8.0 lists them so. Where nothing tells, the key is left alone and counted."""
    written, deleted = b"2026-01-01T00:00:01.123456789Z", _START + datetime.timedelta(seconds=15)
    version = (b"key", written, b"etag", b"1", _ulid(_START), b"false")
    exact = [(b"key", written, b"", b"", _ulid(deleted), b"true"), version]
    assert _undelete.marker_time(exact[0], _undelete.version_times(exact)) == deleted
    assert len(_undelete.decide((b"key", exact, []), WINDOW).source) == 1
    before = _ulid(_START + datetime.timedelta(seconds=5))
    assert _undelete.decide((b"key", [(*exact[0][:4], before, b"true"), version], []), WINDOW).source == []
    unknown = [(*exact[0][:4], b"not-a-ulid", b"true"), version]
    decided = _undelete.decide((b"key", unknown, []), WINDOW)
    assert (decided.source, decided.time_not_known) == ([], 1)
    assert _undelete.at_time(b"key", unknown, deleted)[0] == "time_not_known"
    then = _START + datetime.timedelta(seconds=10)
    what, wanted = _undelete.at_time(b"key", exact, then)
    assert what == "copy" and wanted is not None and wanted.version_id == version[4].decode()


def test_markers_that_were_made_at_once_have_one_time_of_their_own() -> None:
    made = b"2026-01-01T00:00:15.250Z"
    history = [(b"key", made, b"", b"", b"m%d" % number, b"false") for number in range(3)]
    assert len(_undelete.decide((b"key", [*history, row(1, False)], []), WINDOW).source) == 3


def test_a_server_that_gives_times_to_the_second_may_give_both_one() -> None:
    history = [row(15, True), (*row(15, False)[:4], b"v", b"false")]
    assert len(_undelete.decide((b"key", history, []), WINDOW).source) == 1


def test_a_marker_that_came_late_to_the_destination_goes_only_with_that_of_the_source() -> None:
    source, late = [row(19, True), row(1, False)], [row(23, True), row(2, False)]
    assert [marker.version_id for marker in _undelete.decide((b"key", source, late), WINDOW).destination] == ["v23"]
    assert _undelete.decide((b"key", [row(1, False)], late), WINDOW).destination == []
    assert _undelete.decide((b"key", source, [row(26, True), row(2, False)]), WINDOW).destination == []


def test_each_side_is_judged_by_its_own_clock() -> None:
    ahead = datetime.timedelta(minutes=10)
    source, destination = [row(15, True), row(1, False)], [row(615, True), row(601, False)]
    decided = _undelete.decide((b"key", source, destination), WINDOW, WINDOW.shifted(ahead))
    assert [len(markers) for markers in (decided.source, decided.destination)] == [1, 1]
    assert _undelete.decide((b"key", source, destination), WINDOW).destination == []


@pytest.mark.parametrize(
    ("headers", "minutes"),
    [
        ({"date": "Thu, 15 Jan 2026 02:10:00 GMT"}, 10),
        ({"date": "Thu, 15 Jan 2026 01:40:00 GMT"}, -20),
        ({"date": "Thu, 15 Jan 2026 02:00:01 GMT"}, 0),
        ({"date": "Thu, 15 Jan 2026 01:59:58 GMT"}, 0),
        ({"date": "yesterday"}, 0),
        ({}, 0),
    ],
)
def test_how_far_a_clock_is_ahead_is_told_by_the_header(headers: dict[str, str], minutes: int) -> None:
    found = _clock.ahead(headers, datetime.datetime(2026, 1, 15, 2, tzinfo=datetime.UTC))
    assert found == datetime.timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", [b"2026-01-15T02:00:00Z", b"2026-01-15T02:00:00.000Z", b"2026-01-15T02:00:00.000000+00:00"]
)
def test_times_are_read_in_every_spelling(text: bytes) -> None:
    assert parse_time(text) == datetime.datetime(2026, 1, 15, 2, tzinfo=datetime.UTC)


@given(st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(9999, 1, 1)), st.integers(0, 6))
def test_every_time_is_read_to_its_last_digit(moment: datetime.datetime, digits: int) -> None:
    kept = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
    fraction = f".{kept.microsecond:06}"[: digits + 1] if digits else ""
    text = f"{kept:%Y-%m-%dT%H:%M:%S}{fraction}Z".encode()
    assert parse_time(text) == kept.replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    "text", [b"2026-13-15T02:00:00Z", b"2026-01-32T02:00:00Z", b"2026-01-15T24:00:00Z", b"2026-01-15T02:00:61Z", b""]
)
def test_a_time_that_there_is_not_is_none(text: bytes) -> None:
    assert parse_time(text) is None


def test_a_time_that_cannot_be_read_is_in_no_window() -> None:
    unreadable = [(b"key", b"Thu, 15 Jan 2026", b"", b"", b"v", b"true"), row(1, False)]
    decided = _undelete.decide((b"key", unreadable, []), WINDOW)
    assert (decided.source, decided.time_not_known) == ([], 1)


class StubSide:
    """Notes the requests of ``remove``."""

    bucket = "bucket"

    def __init__(self) -> None:
        self.requests: list[tuple[str, t.Any]] = []

    def call(self, _what: str, request: t.Callable[[t.Any], t.Any], **_more: t.Any) -> t.Any:
        return request(self)

    def delete_objects(self, *, Bucket: str, Delete: dict[str, t.Any]) -> dict[str, t.Any]:
        self.requests.append(("many", [entry["Key"] for entry in Delete["Objects"]]))
        first = Delete["Objects"][0]
        return {"Errors": [{"Key": first["Key"], "VersionId": first["VersionId"], "Code": "AccessDenied"}]}

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str) -> None:
        self.requests.append(("one", (Key, VersionId)))


def test_keys_that_no_document_can_hold_go_one_by_one_and_failures_keep_their_place() -> None:
    side = StubSide()
    markers = [
        Marker("\x01", "v1", ""),
        Marker("locked", "v2", ""),
        Marker("plain", "v3", ""),
        Marker("a\rb", "v4", ""),
    ]
    failed = _undelete.remove(t.cast(t.Any, side), markers)
    assert failed == {1: "AccessDenied"}
    assert side.requests == [("many", ["locked", "plain"]), ("one", ("\x01", "v1")), ("one", ("a\rb", "v4"))]


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_two_listings_side_by_side_give_each_key_once_in_order(one: list[str], other: list[str]) -> None:
    listings = [iter([(key.encode(), [(key.encode(),)]) for key in sorted(keys)]) for keys in (one, other)]
    pairs = list(_keys.side_by_side(*t.cast(t.Any, listings)))
    assert [key.decode() for key, _left, _right in pairs] == sorted({*one, *other})
    for key, left, right in pairs:
        assert (bool(left), bool(right)) == (key.decode() in one, key.decode() in other)


@given(st.integers(0, 30), st.integers(1, 7))
def test_batches_hold_all_and_no_more_than_they_may(count: int, size: int) -> None:
    batches = list(_batches.in_batches(range(count), size))
    assert [item for batch in batches for item in batch] == list(range(count))
    assert all(1 <= len(batch) <= size for batch in batches)


def test_the_first_failure_ends_the_work(no_thread_survives: None) -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 3:
            raise LifeboatError("three")
        done.append(item)

    with pytest.raises(LifeboatError, match="three"):
        _batches.for_each(iter(range(10_000)), work, 2, Deadline())
    assert len(done) < 100


def test_a_journal_survives_a_line_that_was_not_finished(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "folder" / "journal")
    with _journal.Journal(path, {"action": "undelete"}) as journal:
        journal.note({"remove": [["é", "v1", ""]]})
    with open(path, "ab") as file:
        file.write(b'{"remove": [["hal')
    head, entries = _journal.read_journal(path)
    assert head["action"] == "undelete"
    assert entries == [{"remove": [["é", "v1", ""]]}]
    pathlib.Path(path).write_bytes(b"{}\n")
    with pytest.raises(LifeboatError, match="not a journal"):
        _journal.read_journal(path)
