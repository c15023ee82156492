# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The account that runs pgBackRest where the task is root: from 2.59 on, pgBackRest refuses root but for a restore.

It is the one that an option names, else the first that is not root of those who own the configuration, the repository,
and the data folder. An administrator's own runs are that account's, too: so it reads what they have written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_account import required

_CONFIGS = ("/etc/pgbackrest/pgbackrest.conf", "/etc/pgbackrest.conf")  # the program's own defaults, in its order
_REPOSITORY = "/var/lib/pgbackrest"
_SECTION = re.compile(r"\[([^\]]+)\]\s*")
_SETTING = re.compile(r"(repo\d+-path|pg\d+-path)\s*=\s*(.*\S)\s*")


@dataclasses.dataclass(frozen=True)
class Account:
    """An account of this host that the task, which is root, becomes for one program."""

    name: str
    uid: int
    gid: int
    home: str

    def command(self) -> list[str]:
        """What stands before a program: with the account's groups, as a login has them."""
        return [required("setpriv"), f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups", "--"]

    def give(self, path: str) -> None:
        """The file or folder to this account."""
        os.chown(path, self.uid, self.gid)


def account_of(options: t.Mapping[str, t.Any]) -> Account | None:
    """Who runs pgBackRest; None where the task's own account does. Raises OptionError."""
    named = options.get("pgbackrest_account")
    if os.geteuid() != 0:
        if named and named != _own_name():
            raise OptionError(
                f"pgbackrest_account is {named}, and the task runs as {_own_name()}: only root can become another.",
                hint=f"Run the task as root (become: true), or as {named} (become_user).",
            )
        return None
    if named:
        try:
            return _account(pwd.getpwnam(named))
        except KeyError:
            raise OptionError(
                f"pgbackrest_account: there is no account {named} on this host.",
                hint="Name the account that runs pgBackRest's own backups, such as postgres.",
            ) from None
    for path in _places(options):
        with contextlib.suppress(OSError, KeyError):  # it is not there, or its owner has no name here
            owner = os.stat(path).st_uid
            if owner:
                return _account(pwd.getpwuid(owner))
    return None


def _account(found: pwd.struct_passwd) -> Account | None:
    return Account(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir) if found.pw_uid else None


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _places(options: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Files and folders of pgBackRest's, those first that say most of who runs it."""
    for config in [options["pgbackrest_config"]] if options["pgbackrest_config"] else _CONFIGS:
        if os.path.isfile(config):
            yield config
            with contextlib.suppress(OSError), open(config, encoding="utf-8", errors="replace") as file:
                yield from places_in(file.read(), options["stanza"], options["pgbackrest_repo"])
            break
    yield _REPOSITORY


def places_in(text: str, stanza: str, repo: int) -> list[str]:
    """The folders of the repository and of the cluster that a configuration names for a stanza. Pure."""
    section, found = "", {}
    for line in text.splitlines():
        head = _SECTION.fullmatch(line)
        setting = _SETTING.fullmatch(line)
        if head:
            section = head[1]
        elif setting and section in ("global", stanza):
            found[(section, setting[1])] = setting[2]
    wanted = [(stanza, f"repo{repo}-path"), ("global", f"repo{repo}-path"), (stanza, "pg1-path")]
    return [found[one] for one in wanted if one in found]
