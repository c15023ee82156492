# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is remembered of a pair of buckets, and what an error of one object is."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    DeadlineError,
    LifeboatError,
    OptionError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._profiles import profile_of
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._setup import Setup
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import open_pair
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.configure import _plan
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import NOT_SENT, S3Error
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_copying import is_of_one_object
from ansible_collections.lifeboat.dr.plugins.module_utils._work._s3_memory import PairMemory


def _memory(folder: pathlib.Path, destination: str = "other") -> PairMemory:
    place = {"endpoint_url": "http://s3.example", "access_key": "k", "secret_key": "lab+secret/0123"}
    pair = open_pair({"bucket": "one", **place}, {"bucket": destination, **place})
    return PairMemory({"state_dir": str(folder)}, *pair)


def test_what_is_saved_is_known_to_the_next_run_and_to_no_other_pair(tmp_path: pathlib.Path) -> None:
    memory = _memory(tmp_path / "state")
    journal = tmp_path / "journal"
    journal.touch()
    memory.paused, memory.left_behind = ["b", "a", "a"], True
    memory.begin("undelete", str(journal))
    memory.save()
    again = _memory(tmp_path / "state")
    assert (again.paused, again.left_behind, again.unfinished("undelete")) == (["a", "b"], True, str(journal))
    assert pathlib.Path(again.path).stat().st_mode & 0o777 == 0o600
    assert "lab+secret" not in pathlib.Path(again.path).read_text(encoding="utf-8")
    other = _memory(tmp_path / "state", "third")
    assert (other.paused, other.left_behind, other.unfinished("undelete")) == ([], False, "")
    other.save()
    journal.unlink()
    assert _memory(tmp_path / "state").unfinished("undelete") == "", "a journal that is gone cannot be gone on with"
    assert _memory(tmp_path / "state").paused == ["a", "b"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": "other/9", "pairs": {}}', '{"schema": "lifeboat.s3-pair/1"}']
)
def test_a_damaged_memory_is_an_error_and_not_forgotten(tmp_path: pathlib.Path, content: str) -> None:
    path = pathlib.Path(_memory(tmp_path).path)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LifeboatError, match="cannot be read. Nothing was changed"):
        _memory(tmp_path)


def _rule(name: str, status: str, **more: t.Any) -> dict[str, t.Any]:
    return {
        "ID": name, "Priority": len(name), "Status": status, "Filter": {"Prefix": f"{name}/"},
        "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": "arn:aws:s3:::other"}, **more,
    }  # fmt: skip


def test_what_was_paused_is_started_again_word_by_word_and_nothing_else() -> None:
    theirs = _rule("theirs", "Disabled", Unknown="kept")
    setup = Setup("Enabled", rules=(theirs, _rule("not-ours", "Disabled"), _rule("a", "Disabled")))
    rule = {
        "id": "a", "priority": 1, "enabled": False, "prefix": "a/", "delete_markers": False, "metrics": False,
        "replica_modifications": False, "replication_time": False, "replicate_kms": False,
    }  # fmt: skip
    options = {
        "state": "present", "source": {"bucket": "one"}, "destination": {"bucket": "other"}, "rules": [rule],
        "purge_rules": False, "manage_versioning": True,
    }  # fmt: skip
    plan = _plan.make_plan(options, profile_of("ministack"), setup, setup, resumed=["theirs", "a", "gone"])
    assert plan.after["source"].rules[0] == {**theirs, "Status": "Enabled"}
    assert [entry["Status"] for entry in plan.after["source"].rules] == ["Enabled", "Disabled", "Disabled"]
    assert _plan.started(plan) == ["theirs"], "a rule that the option names is as the option says"
    after = plan.after["source"]
    assert _plan.make_plan(options, profile_of("ministack"), after, after, resumed=["theirs"]).steps == []


def _error(code: str, status: int) -> S3Error:
    return S3Error("it failed", hint="", code=code, status=status, attempts=1)


@pytest.mark.parametrize(
    ("error", "of_one"),
    [
        (_error("InternalError", 500), True),
        (_error("AccessDenied", 403), True),
        (_error("InvalidArgument", 400), True),
        (_error(NOT_SENT, 0), True),
        (LifeboatError("no key for its copy"), True),
        (_error("", 0), False),
        (_error("NoSuchBucket", 404), False),
        (_error("InvalidAccessKeyId", 403), False),
        (_error("SlowDown", 503), False),
        (_error("TooManyRequests", 429), False),
        (OptionError("wrong"), False),
        (DeadlineError("over"), False),
    ],
)
def test_an_error_is_of_one_object_or_of_all(error: LifeboatError, of_one: bool) -> None:
    assert is_of_one_object(error) == of_one
