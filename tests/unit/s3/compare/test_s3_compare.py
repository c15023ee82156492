# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The comparison of two listings: nothing is lost, nothing is called different that is not, nothing the same that may
not be.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import KEY, Row
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._ask_again import judge, read_facts
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._compare_rows import (
    EXTRA,
    MISMATCHED,
    MISSING,
    UNVERIFIABLE,
    compare_objects,
    compare_versions,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._tally import Rules, Tally
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.compare._verdict import (
    Limits,
    of_counts,
    of_tally,
    prometheus,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples
from tests.unit.s3.compare.walks import A, B, compared_object, walk

_KEY = st.from_regex(r"\A[a-c/]{1,4}\Z").map(str.encode)


def _version(version_id: str, etag: bytes = A, size: int = 1) -> Row:
    return (b"k", b"2026-01-01T00:00:00.000Z", etag, str(size).encode(), version_id.encode(), b"false")


def _marker(version_id: str) -> Row:
    return (b"k", b"2026-01-01T00:00:00.000Z", b"", b"", version_id.encode(), b"true")


_OBJECTS = st.dictionaries(_KEY, st.tuples(st.sampled_from([A, B, A + b"-2", b""]), st.integers(0, 2)), max_size=30)


@given(_OBJECTS, _OBJECTS)
def test_a_comparison_says_what_dictionaries_say(
    ours: dict[bytes, tuple[bytes, int]], theirs: dict[bytes, tuple[bytes, int]]
) -> None:
    rows = [[compared_object(key, *there[key]) for key in sorted(there)] for there in (ours, theirs)]
    compared = compare_objects(*rows)
    found = {
        kind: {entry.row[KEY] for entry in compared.differences if entry.kind == kind} for kind in (MISSING, EXTRA)
    }
    assert found == {MISSING: set(ours) - set(theirs), EXTRA: set(theirs) - set(ours)}
    both = set(ours) & set(theirs)
    same = {key for key in both if ours[key] == theirs[key] and ours[key][0]}
    assert compared.by_content == len(same)
    for entry in compared.differences:
        if entry.row[KEY] in both:
            (etag, size), (etag_there, size_there) = ours[entry.row[KEY]], theirs[entry.row[KEY]]
            plain = len(etag) == len(etag_there) == 32
            assert entry.kind == (MISMATCHED if size != size_there or plain else UNVERIFIABLE)
    assert len(compared.differences) + compared.by_content == len(set(ours) | set(theirs))


@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.sampled_from([A, B]), st.integers(0, 1)),
        unique_by=lambda entry: entry[0],
    )
)
def test_versions_that_are_equal_are_equal_and_each_one_taken_away_is_missed(
    entries: list[tuple[str, bytes, int]],
) -> None:
    rows = [_version(*entry) for entry in entries]
    renamed = [(*row[:4], b"other" + row[4], row[5]) for row in rows]
    for there, by_id in ((rows, len(rows)), (renamed, 0)):
        compared = compare_versions(rows, there)
        assert compared.differences == [] and (compared.by_version_id, compared.by_content) == (
            by_id,
            len(rows) - by_id,
        )
        for gone in range(len(rows)):
            compared = compare_versions(rows, there[:gone] + there[gone + 1 :])
            assert [entry.kind for entry in compared.differences] == [MISSING]


def test_one_version_id_is_one_version_whatever_its_etag() -> None:
    assert compare_versions([_version("1", A)], [_version("1", B)]).by_version_id == 1
    assert [entry.kind for entry in compare_versions([_version("1", A, 1)], [_version("1", A, 2)]).differences] == [
        MISMATCHED
    ]


def test_a_version_without_an_id_is_told_by_its_content() -> None:
    assert compare_versions([_version("null", A)], [_version("null", A)]).by_content == 1
    assert [entry.kind for entry in compare_versions([_version("null", A)], [_version("null", B)]).differences] == [
        MISMATCHED
    ]
    assert [
        entry.kind for entry in compare_versions([_version("null", A + b"-2")], [_version("null", B)]).differences
    ] == [UNVERIFIABLE]


def test_versions_in_another_order_are_found() -> None:
    ours = [_version("1", A), _version("2", B)]
    theirs = [_version("8", B), _version("9", A)]
    assert [entry.reason for entry in compare_versions(ours, theirs).differences] == [
        "the versions are in another order"
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ([_version("2", B), _version("1", A)], [_version("1", A), _version("2", B)], 1),  # by their ids
        ([_marker("2"), _version("1")], [_version("1"), _marker("2")], 1),  # deleted here, and there to be read
        ([_version("1", A), _version("null", B)], [_version("null", B), _version("1", A)], 1),  # by id and by content
        ([_version("3"), _version("2"), _version("1")], [_version("2"), _version("1"), _version("3")], 2),
    ],
)
def test_versions_of_the_same_ids_in_another_order_are_found_since_a_reader_gets_another_one(
    ours: list[Row], theirs: list[Row], same: int
) -> None:
    compared = compare_versions(ours, theirs)
    assert [(entry.kind, entry.reason) for entry in compared.differences] == [
        (MISMATCHED, "the versions are in another order")
    ]
    assert compared.by_version_id + compared.by_content == same


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_of_versions_in_any_order_as_few_as_can_be_are_called_out_of_it(order: list[int], unnamed: set[int]) -> None:
    def row(number: int) -> Row:
        etag = b"%032x" % number
        return _version("null" if number in unnamed else str(number), etag)

    compared = compare_versions([row(number) for number in range(6)], [row(number) for number in order])
    same = compared.by_version_id + compared.by_content
    assert same + len(compared.differences) == 6 and (same == 6) == (order == sorted(order))
    stands = max(
        length
        for length in range(7)
        if any(list(some) == sorted(some) for some in itertools.combinations(order, length))
    )
    assert same <= stands and (same == stands or len(unnamed) > 1), "those without an id are matched in one order first"


def test_a_marker_that_is_missing_or_extra_is_found() -> None:
    both = [_marker("2"), _version("1")]
    assert [entry.kind for entry in compare_versions(both, both[1:]).differences] == [MISSING]
    assert [entry.kind for entry in compare_versions(both[1:], both).differences] == [EXTRA]


_HASH = st.from_regex(r"\A[a-f0-9]{2}/[a-f0-9]{2}\Z").map(str.encode)
_PAIRS = st.lists(st.tuples(_KEY | _HASH, st.sampled_from("=<>!")), unique_by=lambda pair: pair[0])


@given(_PAIRS, st.integers(1, 5), st.sampled_from([1, 3, 8]))
@settings(max_examples=examples(60), deadline=None)
def test_many_ranges_at_a_time_find_what_one_finds(pairs: list[tuple[bytes, str]], size: int, parallel: int) -> None:
    pairs.sort()
    ours = [compared_object(key) for key, kind in pairs if kind != ">"]
    theirs = [compared_object(key, B if kind == "!" else A) for key, kind in pairs if kind != "<"]
    tally = walk(ours, theirs, size, parallel).run()
    assert tally.objects == [len(ours), len(theirs)]
    assert {
        kind: sorted(entry.row[KEY] for entry in tally.findings[kind].kept) for kind in (MISSING, EXTRA, MISMATCHED)
    } == {
        MISSING: [key for key, kind in pairs if kind == "<"],
        EXTRA: [key for key, kind in pairs if kind == ">"],
        MISMATCHED: [key for key, kind in pairs if kind == "!"],
    }
    assert tally.matched == sum(kind == "=" for _key, kind in pairs)


@given(st.lists(st.tuples(_KEY, st.integers(1, 7)), unique_by=lambda entry: entry[0]), st.integers(1, 4))
@settings(max_examples=examples(60), deadline=None)
def test_versions_of_a_key_on_two_pages_are_compared_together(keys: list[tuple[bytes, int]], size: int) -> None:
    ours = [(key, b"", A, b"1", b"s%d" % number, b"") for key, count in sorted(keys) for number in range(count)]
    theirs = [(*row[:4], b"d" + row[4], row[5]) for row in ours]
    tally = walk(ours, theirs, size, 2, versions=True).run()
    assert tally.by_content == len(ours) and not any(finding.count for finding in tally.findings.values())


def test_a_walk_goes_on_where_it_was_ended() -> None:
    rows = [compared_object(b"%04d" % number) for number in range(3000)]
    theirs = [row for row in rows if row[KEY] not in (b"0007", b"2500")]
    ended = walk(rows, theirs, 10, 4)
    calls = 0
    compare = ended._compare

    def until_it_breaks(source: t.Sequence[Row], destination: t.Sequence[Row]) -> Tally:
        nonlocal calls
        calls += 1
        if calls == 150:
            raise OSError("the host was switched off")
        return compare(source, destination)

    ended._compare = until_it_breaks
    with pytest.raises(OSError, match="switched off"):
        ended.run()
    state = ended.state()
    done = ended.tally.objects[0]
    assert 0 < done < 3000
    again = walk(rows, theirs, 10, 4)
    tally = again.run(again.resume(state))
    assert tally.objects == [3000, 2998]
    assert sorted(entry.row[KEY] for entry in tally.findings[MISSING].kept) == [b"0007", b"2500"]


def test_the_sample_is_the_same_in_whatever_order_the_keys_come() -> None:
    rows = [compared_object(b"%d" % number) for number in range(200)]
    rules = Rules(sample=7, seed="monday")
    one, other, later = Tally(), Tally(), Tally()
    one.pick(rows, rules)
    for part in (rows[100:], rows[:100]):
        piece = Tally()
        piece.pick(part, rules)
        other.merge(piece, rules)
    later.pick(rows, Rules(sample=7, seed="tuesday"))
    assert one.sampled == other.sampled and len(one.sampled) == 7
    assert one.sampled != later.sampled


def test_what_is_young_is_pending_and_what_is_extra_is_not() -> None:
    rules = Rules(young="2026-06-01T00:00:00")
    tally = Tally()
    young, old = b"2026-06-01T00:00:01.000Z", b"2026-05-31T23:59:59.000Z"
    ours = [compared_object(b"a", modified=young), compared_object(b"b", modified=old)]
    tally.add(compare_objects(ours, [compared_object(b"c", modified=young)]), rules)
    assert {kind: finding.count for kind, finding in tally.findings.items() if finding.count} == {
        "pending": 1,
        "missing": 1,
        "extra": 1,
    }


@pytest.mark.parametrize(("ahead", "kind"), [(0, "pending"), (600, "pending"), (3600, "missing"), (9e8, "missing")])
def test_what_is_said_to_be_of_the_future_is_not_on_its_way_for_ever(ahead: float, kind: str) -> None:
    now = datetime.datetime.now(datetime.UTC)
    modified = (now + datetime.timedelta(seconds=ahead)).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
    rules = Rules(young=(now - datetime.timedelta(minutes=15)).strftime("%Y-%m-%dT%H:%M:%S"))
    tally = Tally()
    tally.add(compare_objects([compared_object(b"a", modified=modified)], []), rules)
    assert {found: finding.count for found, finding in tally.findings.items() if finding.count} == {kind: 1}
    skewed = dataclasses.replace(rules, ahead_seconds=ahead)  # by the clock of the server it is of now
    assert skewed.is_young(compared_object(b"a", modified=modified))


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ({"ETag": '"a-2"', "ChecksumCRC64NVME": "x"}, {"ETag": '"b"', "ChecksumCRC64NVME": "x"}, None),
        ({"ETag": '"a-2"', "ChecksumCRC64NVME": "x"}, {"ETag": '"b"', "ChecksumCRC64NVME": "y"}, MISMATCHED),
        (
            {"ETag": '"a-2"', "ChecksumCRC32": "x-2", "ChecksumType": "COMPOSITE"},
            {"ETag": '"b"', "ChecksumCRC32": "y"},
            UNVERIFIABLE,
        ),
        ({"ETag": f'"{A.decode()}"'}, {"ETag": f'"{B.decode()}"'}, MISMATCHED),
        ({"ETag": f'"{A.decode()}"', "ServerSideEncryption": "aws:kms"}, {"ETag": f'"{B.decode()}"'}, UNVERIFIABLE),
        ({"ETag": '"a-2"'}, {"ETag": '"a-2"'}, None),
        ({"ETag": '"a-2"', "ContentLength": 3}, {"ETag": '"a-2"', "ContentLength": 2}, MISMATCHED),
        ({"ETag": ""}, {"ETag": ""}, UNVERIFIABLE),
    ],
)
def test_what_two_heads_say(ours: dict[str, t.Any], theirs: dict[str, t.Any], kind: str | None) -> None:
    assert judge(read_facts(b"k", ours), read_facts(b"k", theirs))[0] == kind


def test_the_verdict_names_the_worst_and_never_takes_unknown_for_good() -> None:
    def verdict(limits: Limits | None = None, **counts: int) -> str:
        tally = Tally(by_content=1, objects=[1, 1])
        for kind, count in counts.items():
            finding = tally.findings[kind]
            finding.count, finding.sides = count, [count * (kind != "extra"), count * (kind in ("extra", "mismatched"))]
            tally.objects = [both + here for both, here in zip(tally.objects, finding.sides, strict=True)]
        return of_tally(tally, limits or Limits()).verdict

    assert verdict() == "in_sync"
    assert verdict(pending=1) == "lagging"
    assert verdict(Limits(max_pending=1), pending=1) == "in_sync"
    assert verdict(unverifiable=1) == "unknown"
    assert verdict(pending=1, unverifiable=1, mismatched=1) == "diverged"
    assert verdict(extra=1) == "diverged"
    assert verdict(Limits(ignore_extra=True), extra=1) == "in_sync"


@pytest.mark.parametrize("level", ["count", "listing"])
@pytest.mark.parametrize(
    ("objects", "ignore_extra", "verdict"),
    [([0, 0], False, "unknown"), ([0, 0], True, "unknown"), ([0, 5], True, "unknown"), ([0, 5], False, "diverged")],
)
def test_nothing_compared_is_never_in_sync(level: str, objects: list[int], ignore_extra: bool, verdict: str) -> None:
    tally = Tally(objects=objects)
    rows = [compared_object(b"%d" % number) for number in range(objects[1])]
    tally.add(compare_objects([], rows), Rules())
    of = of_counts if level == "count" else of_tally
    found = of(tally, Limits(ignore_extra=ignore_extra))
    assert found.verdict == verdict
    assert "nothing was compared" in found.reasons[0] or verdict == "diverged"
    if objects == [0, 0]:
        assert of(tally, Limits(allow_empty=True)).verdict == "in_sync"


_SOME_KEYS = st.sampled_from([b"a", b"b", b"c", "\ufffd".encode(), b"\xff", "é".encode()])
_ROWS_OF = st.lists(
    st.builds(compared_object, _SOME_KEYS, st.sampled_from([A, B, b""]), st.integers(0, 2)), max_size=6
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


@given(_ROWS_OF, _ROWS_OF)
def test_what_was_listed_is_the_same_or_different_and_the_sums_add_up(
    source: list[Row], destination: list[Row]
) -> None:
    """Also where a listing shows several objects under one name."""
    tally = Tally()
    tally.count_rows(0, source)
    tally.count_rows(1, destination)
    tally.add(compare_objects(source, destination), Rules())
    assert tally.unaccounted(markers=False) == [0, 0]
    assert Tally.from_dict(tally.to_dict()).unaccounted(markers=False) == [0, 0]
    names = [row[0] for row in (*source, *destination)]
    if any(key in (b"\xff", "\ufffd".encode()) for key in names):
        assert of_tally(tally, Limits(max_pending=9)).verdict != "in_sync"


def test_numbers_that_do_not_add_up_are_never_in_sync() -> None:
    tally = Tally(objects=[7, 5], by_content=5)
    found = of_tally(tally, Limits(ignore_extra=True))
    assert (
        found.verdict == "unknown" and "do not add up: of what was listed, 2 objects of the source" in found.reasons[0]
    )


@pytest.mark.parametrize("versions", [False, True])
def test_the_same_doubtful_name_on_both_sides_is_not_the_same_object(versions: bool) -> None:
    more = (b"v", b"true") if versions else ()
    row = (*compared_object("a\ufffd".encode()), *more)
    compared = (compare_versions if versions else compare_objects)([row], [row])
    assert [difference.kind for difference in compared.differences] == ["unverifiable"]
    if versions:
        assert compare_versions([row], [row], trusted=True).by_version_id == 1


def test_counting_tells_young_objects_from_lost_ones() -> None:
    tally = Tally(objects=[10, 8], sizes=[100, 80], young=2)
    assert of_counts(tally, Limits()).verdict == "lagging"
    tally.young = 1
    assert of_counts(tally, Limits()).verdict == "diverged"
    tally.objects, tally.sizes = [10, 10], [100, 99]
    assert of_counts(tally, Limits()).verdict != "in_sync"


def test_what_is_not_known_has_no_line() -> None:
    text = prometheus(
        {"source": 'a"b'}, {"pending_objects": None, "lag_seconds": 0.0, "missing_objects": 12345678}, "unknown"
    )
    assert "pending_objects" not in text
    assert 's3_replication_lag_seconds{source="a\\"b"} 0\n' in text
    assert 's3_replication_missing_objects{source="a\\"b"} 12345678\n' in text
    assert 's3_replication_verdict{source="a\\"b",verdict="unknown"} 1' in text
