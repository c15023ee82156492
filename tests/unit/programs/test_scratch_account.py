# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which account may run what is restored."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs import _scratch_account
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import (
    DEFAULT_ACCOUNT,
    ScratchAccount,
    open_account,
    owned_server,
)

IS_ROOT = os.geteuid() == 0
OWN = os.geteuid()


def _options(name: str = DEFAULT_ACCOUNT, *, shares: bool = False, **more: t.Any) -> dict[str, t.Any]:
    return {"scratch_account": name, "scratch_shares_account": shares, **more}


def _process(folder: pathlib.Path, number: int, *words: str) -> None:
    (folder / str(number)).mkdir()
    (folder / str(number) / "cmdline").write_bytes(b"\0".join(map(os.fsencode, words)) + b"\0")


@pytest.mark.parametrize(
    ("words", "owned"),
    [
        (("/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main"), "postgres, process 7"),
        (("postgres", "-D", "/srv/pg"), "postgres, process 7"),
        (("/usr/bin/redis-server 127.0.0.1:6379",), "redis-server, process 7"),
        (("valkey-server", "/etc/valkey.conf"), "valkey-server, process 7"),
        (("/usr/local/bin/nats-server", "-c", "/etc/nats.conf"), "nats-server, process 7"),
        (("postgres: checkpointer ",), ""),
        (("/usr/lib/postgresql/15/bin/postgres", "-D", "/var/tmp/lifeboat-scratch-ab12/server/data"), ""),
        (("/usr/lib/postgresql/15/bin/postgres", "--boot", "-x1", "-F"), ""),
        (("/usr/bin/redis-server", "--version"), ""),
        (("/usr/bin/postgres_exporter",), ""),
        (("/bin/sh", "-c", "postgres"), ""),
        ((), ""),
    ],
)
def test_a_running_server_of_the_account_is_found_and_scratch_servers_are_none(
    tmp_path: pathlib.Path, words: tuple[str, ...], owned: str
) -> None:
    _process(tmp_path, 7, *words)
    (tmp_path / "self").mkdir()
    assert owned_server(OWN, str(tmp_path)) == owned
    assert owned_server(OWN + 1, str(tmp_path)) == "", "another account's server is not this one's"


def test_a_server_in_a_container_is_found_too_and_said_to_be_in_one(tmp_path: pathlib.Path) -> None:
    _process(tmp_path, 7, "postgres", "-D", "/var/lib/postgresql/data")
    _process(tmp_path, 8, "ansible-playbook")
    (tmp_path / "self").symlink_to("8")
    for number, space in ((7, "pid:[4026532200]"), (8, "pid:[4026531836]")):
        (tmp_path / str(number) / "ns").mkdir()
        (tmp_path / str(number) / "ns" / "pid").symlink_to(space)
    found = owned_server(OWN, str(tmp_path))
    assert found == "postgres, process 7 in a container whose account has the same number"


def test_an_account_that_owns_a_server_is_refused_unless_the_operator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_scratch_account, "owned_server", lambda _uid: "postgres, process 7")
    name = "nobody" if IS_ROOT else DEFAULT_ACCOUNT
    with pytest.raises(OptionError, match="runs a server on this host") as raised:
        open_account(_options(name))
    assert "another number, such as one of 600 to 899" in raised.value.hint
    assert "scratch_shares_account: true" in raised.value.hint and "become: true" in raised.value.hint
    assert open_account(_options(name, shares=True)).shares


def test_a_nats_account_in_the_option_of_old_is_refused_without_showing_its_password() -> None:
    with pytest.raises(OptionError) as raised:
        open_account(_options("{'url': 'nats://h', 'password': 's3cret'}"))
    assert "nats_scratch_account" in raised.value.hint and "s3cret" not in str(raised.value)


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another account")
def test_root_becomes_an_account_that_is_there_and_is_not_root() -> None:
    account = open_account(_options("nobody"))
    assert account.changes and account.identity() == {"user": account.uid, "group": account.gid}
    with pytest.raises(OptionError, match="is root"):
        open_account(_options("root"))
    with pytest.raises(MissingRequirementError, match="There is no account no-such-account") as raised:
        open_account(_options("no-such-account"))
    assert "useradd --system" in raised.value.hint


def test_anybody_else_runs_the_server_as_themselves_or_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    account = open_account(_options())
    assert (account.changes, account.uid, account.identity()) == (False, 65534, {})
    with pytest.raises(OptionError, match="only root can start a server as the scratch_account elsewhere") as raised:
        open_account(_options("elsewhere"))
    assert "become_user" in raised.value.hint


def test_without_a_sandbox_an_account_that_reads_a_secret_is_refused(tmp_path: pathlib.Path) -> None:
    key = tmp_path / "operations.key"
    key.write_text("AGE-SECRET-KEY-1", encoding="ascii")
    own = ScratchAccount("me", OWN, os.getegid(), changes=False, secrets=(str(key),))
    with pytest.raises(OptionError, match="can read .*operations.key"):
        own.check_secrets()
    ScratchAccount("me", OWN, os.getegid(), changes=False, shares=True, secrets=(str(key),)).check_secrets()
    ScratchAccount("me", OWN, os.getegid(), changes=False).check_secrets()


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another account")
def test_whether_another_account_reads_a_secret_is_seen_by_trying(tmp_path: pathlib.Path) -> None:
    key = pathlib.Path("/etc/passwd")
    nobody = open_account(_options("nobody", encryption={"identity_file": str(key)}))
    with pytest.raises(OptionError, match="can read /etc/passwd"):
        nobody.check_secrets()
    open_account(_options("nobody", encryption={"identity_file": "/etc/shadow"})).check_secrets()
