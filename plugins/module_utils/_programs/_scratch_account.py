# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The account that runs scratch servers, whatever the store: one that owns nothing.

What a scratch server restores is foreign code: PostgreSQL runs the functions of the source's table owners while it
loads their rows. So the server must not run as an account that owns a production server, or that reads the keys.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pwd
import shutil
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import (
    LifeboatError,
    MissingRequirementError,
    OptionError,
    SourceError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import PREFIX

DEFAULT_ACCOUNT = "lifeboat-scratch"
# Official container images run their servers as 999, which is also the first number that Debian gives to an account of
# the system. The kernel knows accounts by their numbers only, so what runs as ours could end and read those servers.
_MAKE_IT = (
    "useradd --system --key SYS_UID_MIN=600 --key SYS_UID_MAX=899 --no-create-home --home-dir /nonexistent "
    "--shell /usr/sbin/nologin"
)
ACCOUNT_SPEC: dict[str, dict[str, t.Any]] = {
    "scratch_account": {"type": "str", "default": DEFAULT_ACCOUNT, "aliases": ["scratch_user"]},
    "scratch_shares_account": {"type": "bool", "default": False},
}
"""The modules' options: the documentation fragment ``lifeboat.dr.scratch_account`` describes them."""
_SERVERS = ("postgres", "nats-server", "redis-server", "valkey-server")
_NO_SERVER = (b"--version", b"-V", b"--boot", b"--check", b"--single", b"-v")


@dataclasses.dataclass(frozen=True)
class ScratchAccount:
    """Who runs a scratch server.

    ``changes`` says that the task is root and becomes this account. ``secrets`` are the paths of files and folders
    that what is restored must not be able to read; ``shares`` that the operator takes the risk of an account that owns
    a server or reads the keys.
    """

    name: str
    uid: int
    gid: int
    changes: bool
    shares: bool = False
    secrets: tuple[str, ...] = ()

    def identity(self) -> dict[str, t.Any]:
        """The arguments of ``Program`` that run it as this account; none where the task already does."""
        return {"user": self.uid, "group": self.gid} if self.changes else {}

    def give(self, path: str) -> None:
        """The file or folder to this account."""
        if self.changes:
            os.chown(path, self.uid, self.gid)

    def check_secrets(self) -> None:
        """Refuse an account that reads a secret, where no sandbox hides it. Raises OptionError."""
        if self.shares:
            return
        for path in self.secrets:
            if self._reads(path):
                raise OptionError(
                    f"No sandbox can be made on this host, and the account {self.name}, which would run what is "
                    f"restored, can read {path}.",
                    hint="Run the task as root (become: true) with a scratch_account that cannot read it, or, where "
                    "you trust whoever may write to the source, say scratch_shares_account: true. Nothing has been "
                    "restored.",
                )

    def _reads(self, path: str) -> bool:
        if not self.changes:
            return os.access(path, os.R_OK)
        try:
            run(["test", "-r", path], cwd="/", **self.identity())
        except SourceError:
            return False
        return True


def open_account(options: t.Mapping[str, t.Any]) -> ScratchAccount:
    """The account that the options ``scratch_account`` and ``scratch_shares_account`` describe.

    Raises OptionError or MissingRequirementError before anything is made.
    """
    name, shares = options["scratch_account"], bool(options["scratch_shares_account"])
    given = options.get("encryption") or {}
    named = [given.get(key) for key in ("identity_file", "passphrase_file", "gpg_home")]
    secrets = tuple(os.path.realpath(path) for path in named if path)
    if name.lstrip().startswith("{"):  # a dict that Ansible has made a text of; it may hold a password
        raise OptionError(
            "scratch_account is the name of an account of this host that runs scratch servers.",
            hint="An account of a NATS server to restore streams into is given in nats_scratch_account.",
        )
    own = _own_account()
    if os.geteuid() == 0:
        account = dataclasses.replace(_named_account(name), changes=True, shares=shares, secrets=secrets)
    elif name in (own.name, DEFAULT_ACCOUNT):
        account = dataclasses.replace(own, shares=shares, secrets=secrets)
    else:
        raise OptionError(
            f"The task runs as {own.name}, and only root can start a server as the scratch_account {name}.",
            hint=f"Run the task as root (become: true), or as {name} (become_user).",
        )
    _check_owns_no_server(account)
    return account


def _own_account() -> ScratchAccount:
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    return ScratchAccount(name, os.geteuid(), os.getegid(), changes=False)


def _named_account(name: str) -> ScratchAccount:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise MissingRequirementError(
            f"There is no account {name} on this host to run what is restored.",
            hint=f"The role lifeboat.dr.backup makes it. By hand: {_MAKE_IT} {name}; or name another account that "
            "owns nothing in scratch_account.",
        ) from None
    if found.pw_uid == 0:
        raise OptionError(
            f"scratch_account is {name}, which is root: what is restored would own the host.",
            hint=f"Name an account that owns nothing, such as {DEFAULT_ACCOUNT}.",
        )
    return ScratchAccount(name, found.pw_uid, found.pw_gid, changes=True)


def _check_owns_no_server(account: ScratchAccount) -> None:
    owned = None if account.shares else owned_server(account.uid)
    if owned:
        raise OptionError(
            f"The account {account.name} runs a server on this host ({owned}), and what is restored would run with "
            "its rights.",
            hint=f"Run the task as root (become: true) with scratch_account: {DEFAULT_ACCOUNT}, or, where you trust "
            "whoever may write to the source, say scratch_shares_account: true. If the server is in a container, give "
            f"{account.name} another number, such as one of 600 to 899. Nothing has been restored.",
        )


def owned_server(uid: int, processes: str = "/proc") -> str:
    """A database or message server of this user that is not a scratch server, in words; empty if there is none."""
    for entry in pathlib.Path(processes).iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            owner = entry.stat().st_uid
        except OSError:  # it has ended
            continue
        program = os.path.basename(os.fsdecode(command[0])).partition(" ")[0]
        # A process of PostgreSQL's server shows what it does ("postgres: checkpointer"); its postmaster is the server.
        if owner != uid or program not in _SERVERS or any(f"/{PREFIX}".encode() in word for word in command):
            continue
        if any(word in _NO_SERVER for word in command[1:]):  # initdb's, or somebody asks for the version
            continue
        return f"{program}, process {entry.name}{_where(entry, pathlib.Path(processes, 'self'))}"
    return ""


def _where(process: pathlib.Path, own: pathlib.Path) -> str:
    """That a process is in a container, for who looks for a server in vain."""
    try:
        inside = os.readlink(process / "ns" / "pid") != os.readlink(own / "ns" / "pid")
    except OSError:
        return ""
    return " in a container whose account has the same number" if inside else ""


def required(program: str) -> str:
    """The path of a program of util-linux or coreutils. Raises MissingRequirementError."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not found:
        raise MissingRequirementError(
            f"The program {program} is not on this host, so nothing can be restored safely.",
            hint="Install util-linux and coreutils.",
        )
    return found


def reason_of(error: LifeboatError) -> str:
    """The last line that a program said, for words about a sandbox that cannot be made."""
    said = str(error.details.get("stderr") or error.message).strip()
    return said.splitlines()[-1].strip()[:200] if said else "it said nothing"
