# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restic 0.14, 0.18 and 0.19 really said on standard error, and what is made of it."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError, SourceError
from ansible_collections.lifeboat.dr.plugins.module_utils._restic import _restic
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.paths._options import check_paths
from ansible_collections.lifeboat.dr.plugins.module_utils._work import _paths_restore

_UNREADABLE = {
    "0.14": """unable to open cache: mkdir /nonexistent: permission denied
{"message_type":"error","error":{},"during":"scan","item":"/srv/closed folder"}
{"message_type":"error","error":{},"during":"archival","item":"/srv/closed folder"}
{"message_type":"error","error":{"Op":"open","Path":"/srv/closed","Err":13},"item":"/srv/closed"}
Warning: at least one source file could not be read""",
    "0.18": """unable to open cache: mkdir /nonexistent: permission denied
{"message_type":"error","error":{"message":"openfile for readdirnames failed"},"item":"/srv/closed folder"}
{"message_type":"error","error":{"message":"open /srv/closed: permission denied"},"item":"/srv/closed"}
{"message_type":"exit_error","code":3,"message":"Warning: at least one source file could not be read"}""",
}
_NONE = "Is there a repository at the following location?"
_LOCKED = """unable to create lock in backend: repository is already locked exclusively by PID 11696 on vm by root
lock was created at 2026-11-30 07:20:39 (1.183008774s ago)
storage ID 173baa2c
the `unlock` command can be used to remove stale locks"""


@pytest.mark.parametrize("version", _UNREADABLE)
def test_every_file_that_could_not_be_read_is_named_once(version: str) -> None:
    assert _restic._unreadable(_UNREADABLE[version], 3) == ["/srv/closed", "/srv/closed folder"]


def test_paths_and_patterns_that_were_passed_over_are_named_although_restic_ended_well() -> None:
    said = 'pattern "/etc/zz*" does not match any files, skipping\n/srv/gone does not exist, skipping\n'
    assert _restic._unreadable(said, 0) == ["/etc/zz*", "/srv/gone"]


def test_an_exit_code_without_words_is_still_a_loss() -> None:
    assert _restic._unreadable("", 3) == ["?"]
    assert _restic._unreadable("", 0) == []


@pytest.mark.parametrize(
    ("stderr", "code", "kind"),
    [
        ("Fatal: wrong password or no key found", 1, OptionError),
        ('{"message_type":"exit_error","code":12,"message":"Fatal: wrong password or no key found"}', 12, OptionError),
        (_LOCKED, 1, _restic.LockedError),
        (
            f"Fatal: unable to open config file: x\n{_NONE}\n/r",
            1,
            _restic.NoRepositoryError,
        ),
        (
            '{"message_type":"exit_error","code":10,"message":"Fatal: x\\n' + _NONE + '\\n/r"}',
            10,
            _restic.NoRepositoryError,
        ),
        ("Fatal: repository contains errors", 1, SourceError),
    ],
)
def test_errors_are_told_apart_by_restics_own_sentences(stderr: str, code: int, kind: type[Exception]) -> None:
    restic = _restic.Restic.__new__(_restic.Restic)
    restic.repository, restic.password_file = "/r", "/p"
    error = restic._explained(SourceError("x", details={"exit_code": code, "stderr": stderr, "program": "restic"}))
    assert error.__class__ is kind


def test_what_restic_says_is_bounded_and_without_its_remarks_about_the_cache() -> None:
    assert _restic._words(_UNREADABLE["0.18"]).startswith("/srv/closed folder: openfile")
    assert "cache" not in _restic._words(_UNREADABLE["0.14"])
    assert len(_restic._words("\n".join(f"line {number}" for number in range(10_000)))) < 2000


_GOOD = {
    "restic_repository": "/srv/restic",
    "restic_password_file": "/etc/password",
    "restic_lock_timeout": "5m",
    "paths": ["/srv/a"],
    "include": [],
    "exclude_larger_than": None,
    "tags": [],
}


@pytest.mark.parametrize(
    "location", ["/srv/restic", "s3:https://s3.example.org/b/f", "sftp:host:/srv", "rclone:remote:b", "rest:http://h/"]
)
def test_a_location_of_restic_is_taken(location: str) -> None:
    check_paths({**_GOOD, "restic_repository": location})


@pytest.mark.parametrize("location", ["restic", "", "s3:", "rest:https://u:p@h/", "s3:https://u@h/b"])
def test_any_other_location_is_refused_and_no_password_is_repeated(location: str) -> None:
    with pytest.raises(OptionError) as caught:
        check_paths({**_GOOD, "restic_repository": location})
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "seen"),
    [("snapshots", None), ("cat", None), ("check", None), ("ls", None), ("restore", None), ("backup", "other")],
)
def test_a_host_in_the_environment_hides_no_snapshot_of_another(
    command: str, seen: str | None, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """restic takes ``RESTIC_HOST`` for the host of a backup, and everywhere else for the only host that is meant."""
    program = tmp_path / "restic"
    program.write_text(
        '#!/bin/sh\n[ "$1" = version ] && echo "restic 0.18.0" || echo "{\\"host\\": \\"$RESTIC_HOST\\"}"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("RESTIC_HOST", "other")
    for name in _restic._OTHER_PASSWORDS:
        monkeypatch.setenv(name, "x")
    options = {
        "restic_repository": str(tmp_path),
        "restic_password_file": "/x",
        "restic_binary": str(program),
        "restic_lock_timeout": "0s",
    }
    (said,) = _restic.Restic(options, Deadline()).call(command)
    assert said["host"] == (seen or "")


@pytest.mark.parametrize(("account", "others"), [(0, 0), (1000, 2), (7, 2)])
def test_what_only_root_can_give_back_is_counted_before_anything_is_written(
    account: int, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_paths_restore.os, "geteuid", lambda: account)
    restore: t.Any = object.__new__(_paths_restore._Restore)
    nodes = [
        _restic._node({"path": f"/srv/{uid}", "type": "file", "size": 1, "mtime": "", "ctime": "", "uid": uid})
        for uid in (0, 7, 1000, None, "x")
    ]
    restore._options, restore._snapshot_id = {"include": []}, "abc"
    restore._content = types.SimpleNamespace(paths=("/srv",))
    restore._restic = types.SimpleNamespace(nodes=lambda snapshot: iter(nodes))
    assert restore._listed().of_others == others
