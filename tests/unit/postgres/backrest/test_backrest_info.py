# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pgBackRest says is taken as it writes it, or refused: nothing of it is believed to have the right shape."""

from __future__ import annotations

import copy
import hashlib
import json
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DamagedError, LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._archive import (
    check_content,
    read_listing,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._content import BackrestContent, physical
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._info import read_info, segment_bytes_of
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import parse_name
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.repetitions import examples

SYSTEM = 7301234567890123456
SEGMENT = "000000010000000000000003"
BACKUP: dict[str, t.Any] = {
    "archive": {"start": SEGMENT, "stop": "000000010000000000000004"},
    "backrest": {"format": 5, "version": "2.45"},
    "database": {"id": 1, "repo-key": 1},
    "error": False,
    "info": {"delta": 24000000, "repository": {"delta": 3000000, "size": 3000000}, "size": 24000000},
    "label": "20260115-020000F",
    "lsn": {"start": "0/3000028", "stop": "0/4000100"},
    "prior": None,
    "reference": None,
    "timestamp": {"start": 1768442400, "stop": 1768442460},
    "type": "full",
}
STANZA: dict[str, t.Any] = {
    "archive": [
        {"database": {"id": 1, "repo-key": 1}, "id": "15-1", "max": "000000010000000000000009", "min": SEGMENT}
    ],
    "backup": [BACKUP],
    "cipher": "none",
    "db": [{"id": 1, "repo-key": 1, "system-id": SYSTEM, "version": "15"}],
    "name": "main",
    "repo": [{"cipher": "none", "key": 1, "status": {"code": 0, "message": "ok"}}],
    "status": {"code": 0, "lock": {"backup": {"held": False}}, "message": "ok"},
}


def changed(path: str, value: t.Any) -> str:
    """The answer with one value of it changed: ``backup.0.label``."""
    document = copy.deepcopy([STANZA])
    at: t.Any = document[0]
    *way, last = path.split(".")
    for part in way:
        at = at[int(part)] if part.isdigit() else at[part]
    at[int(last) if last.isdigit() else last] = value
    return json.dumps(document)


def test_a_stanza_is_read_as_pgbackrest_writes_it() -> None:
    stanza = read_info(json.dumps([STANZA]), "main")
    (backup,) = stanza.current
    assert (stanza.system_identifier, stanza.archive_max, stanza.locked) == (
        str(SYSTEM), "000000010000000000000009", False,
    )  # fmt: skip
    assert (backup.label, backup.kind, backup.first_segment, backup.archive_id) == (
        "20260115-020000F", "full", SEGMENT, "15-1",
    )  # fmt: skip
    content = physical(BackrestContent("main", backup, ""), "postgres")
    assert (content.major, content.timeline, content.segment_bytes) == (15, 1, 16 << 20)
    assert content.stopped_at == "2026-01-15T02:01:01+00:00"


def test_a_backup_of_an_earlier_cluster_is_not_the_newest_of_the_present_one() -> None:
    document = copy.deepcopy(STANZA)
    document["db"].append({"id": 2, "repo-key": 1, "system-id": SYSTEM + 1, "version": "16"})
    stanza = read_info(json.dumps([document]), "main")
    assert (stanza.system_identifier, stanza.server_version) == (str(SYSTEM + 1), "16")
    assert stanza.current == () and len(stanza.backups) == 1


def test_another_stanza_is_refused_with_the_names_of_those_that_are_there() -> None:
    with pytest.raises(OptionError, match="There is no stanza other.*There are: main"):
        read_info(json.dumps([STANZA]), "other")
    with pytest.raises(OptionError, match="There is no stanza main.*missing stanza path"):
        read_info(changed("status", {"code": 1, "message": "missing stanza path"}), "main")
    with pytest.raises(OptionError, match="database mismatch"):
        read_info(changed("status", {"code": 5, "message": "database mismatch across repos"}), "main")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("backup.0.label", "../../etc"),
        ("backup.0.label", "--config=/tmp/evil"),
        ("backup.0.prior", "x"),
        ("backup.0.reference", ["20260115-020000F", "; rm"]),
        ("backup.0.type", "huge"),
        ("backup.0.database.id", 7),
        ("backup.0.lsn.start", "0x12"),
        ("backup.0.lsn", None),
        ("backup.0.archive.start", "../x"),
        ("backup.0.timestamp.stop", "yesterday"),
        ("backup.0.info.size", None),
        ("archive.0.id", "../15-1"),
        ("archive.0.max", "00000002.history"),
        ("db.0.system-id", "7"),
        ("db.0.system-id", -1),
        ("db.0.system-id", True),
        ("db", []),
        ("db.0", 5),
        ("backup", {}),
    ],
)
def test_an_answer_of_another_shape_is_damage(path: str, value: t.Any) -> None:
    with pytest.raises(DamagedError, match="pgbackrest info gave an answer that cannot be read"):
        read_info(changed(path, value), "main")


@given(text=st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
@settings(max_examples=examples(60), deadline=None)
def test_no_answer_ends_in_anything_but_words(text: str) -> None:
    with pytest.raises(LifeboatError):
        read_info(text, "main")


def test_a_backup_without_its_log_is_not_taken_for_one_that_can_be_recovered() -> None:
    stanza = read_info(changed("backup.0.archive", {"start": None, "stop": None}), "main")
    with pytest.raises(DamagedError, match="without waiting for its log"):
        physical(BackrestContent("main", stanza.backups[0], ""), "postgres")


def test_a_time_that_no_clock_shows_is_damage() -> None:
    stanza = read_info(changed("backup.0.timestamp", {"start": 1, "stop": 10**30}), "main")
    with pytest.raises(DamagedError, match="a time that cannot be"):
        physical(BackrestContent("main", stanza.backups[0], ""), "postgres")


def test_the_size_of_segments_follows_from_one_of_them() -> None:
    assert segment_bytes_of("000000010000000000000003", "0/3000028") == 16 << 20
    assert segment_bytes_of("000000010000000100000002", "1/8000028") == 64 << 20
    with pytest.raises(DamagedError, match="does not lie in"):
        segment_bytes_of("000000010000000000000003", "0/9000028")


def test_the_archive_is_listed_by_postgresqls_names_and_two_contents_of_one_are_refused() -> None:
    stored = f"0000000100000000/{SEGMENT}-{'a' * 40}.gz"
    listed = {
        ".": {"type": "path"}, "0000000100000000": {"type": "path"}, stored: {"type": "file"},
        "00000002.history": {"type": "file"}, "archive.info": {"type": "file"}, "/etc/00000003.history": {},
        "../00000004.history": {}, f"0000000100000000/{SEGMENT}.00000028.backup": {"type": "file"},
    }  # fmt: skip
    found = read_listing(json.dumps(listed))
    assert set(found) == {SEGMENT, "00000002.history", f"{SEGMENT}.00000028.backup"}
    assert (found[SEGMENT].path, found[SEGMENT].sha1, found[SEGMENT].compression) == (stored, "a" * 40, "gz")
    twice = {**listed, f"0000000100000000/{SEGMENT}-{'b' * 40}.gz": {}}
    with pytest.raises(DamagedError, match="twice, with two contents"):
        read_listing(json.dumps(twice))
    for wrong in ("[]", "no", "5"):
        with pytest.raises(DamagedError):
            read_listing(wrong)


def test_a_file_whose_sha1_is_another_one_is_refused() -> None:
    name = parse_name("00000002.history")
    assert name is not None
    check_content(name, b"1\t0/5000000\n", hashlib.sha1(b"1\t0/5000000\n").hexdigest(), str(SYSTEM))
    with pytest.raises(DamagedError, match="its SHA-1 is not the one in its name"):
        check_content(name, b"1\t0/5000001\n", hashlib.sha1(b"1\t0/5000000\n").hexdigest(), str(SYSTEM))
