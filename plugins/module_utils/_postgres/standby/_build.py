# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Makes a data folder a standby: a base backup of the primary, its slot, ``standby.signal`` and how to connect.

The base backup goes into a folder of another name, which takes the data folder's place when it is whole. So a killed
run leaves no data folder that a server would start with.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import re
import shutil
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._copying import CopyProgress
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._data_folder import (
    WAIT_FOR_NOBODY,
    is_alive,
    is_data_folder,
    is_standby_of,
    read_control,
    running_server,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

_BUILDING = ".lifeboat-building-"
_SET_ASIDE = ".lifeboat-replaced-"
_SLOT = re.compile(r"[a-z0-9_]{1,63}")


@dataclasses.dataclass(frozen=True)
class Request:
    """Which folder becomes a standby of which primary."""

    data_dir: str
    primary: Connection  # to the primary, with a passfile and no password
    slot: str
    system_identifier: str  # the primary's
    replace: bool = False


def check_request(request: Request) -> None:
    """Refuse what cannot be meant. Raises OptionError or LifeboatError; nothing has been touched."""
    if not os.path.isabs(request.data_dir):
        raise OptionError(f"data_dir: {request.data_dir!r} is not absolute.", hint="Write the absolute path.")
    if not _SLOT.fullmatch(request.slot):
        raise OptionError(
            f"slot: {request.slot!r} cannot name a replication slot.",
            hint="Use up to 63 lower-case letters, digits and underscores.",
        )
    if "password" in request.primary.parameters:
        raise OptionError(
            "primary: it holds a password, which PostgreSQL would write into postgresql.auto.conf.",
            hint="Put it into a password file of the account, with mode 0600, and name that in passfile.",
        )
    if request.primary.private:
        raise OptionError(
            f"primary: it holds {', '.join(sorted(request.primary.private))}, which PostgreSQL would write into "
            "postgresql.auto.conf.",
            hint="A standby connects with a password file or a certificate: leave these parameters out.",
        )
    if os.geteuid() == 0:
        raise LifeboatError(
            "This runs as root, and PostgreSQL does not start with a data folder that root owns. Nothing was done.",
            hint="Run the task as the account of the server: become_user: postgres.",
        )


def is_built(request: Request, tools: Tools) -> bool:
    """Whether the data folder already is what is wanted.

    Raises LifeboatError when something else is there and ``replace`` does not say that it may go.
    """
    folder = request.data_dir
    if not is_data_folder(folder):
        if os.path.isdir(folder) and os.listdir(folder):
            raise LifeboatError(
                f"{folder} is neither empty nor a data folder of PostgreSQL. Nothing was done.",
                hint="Name another folder in data_dir.",
            )
        return False
    identifier = read_control(folder, tools).system_identifier
    same = identifier == request.system_identifier and is_standby_of(folder, request.primary, request.slot)
    if same or request.replace:
        return same
    what = "another system" if identifier != request.system_identifier else "a server that is not this standby"
    raise LifeboatError(
        f"{folder} holds {what} (system identifier {identifier}). Nothing was done.",
        hint="It is only set aside, under another name, with replace: true. Stop its server first.",
    )


def build(request: Request, tools: Tools, deadline: Deadline, progress: Progress) -> str:
    """Make the standby's data folder. Gives where the old one was set aside; empty where there was none."""
    refuse_running(request.data_dir)
    for left in glob.glob(f"{glob.escape(request.data_dir)}{_BUILDING}*"):
        if not is_alive(left.rpartition("-")[2]):
            shutil.rmtree(left, ignore_errors=True)
    building = f"{request.data_dir}{_BUILDING}{os.getpid()}"
    copying = CopyProgress(progress, "copying the primary's data folder")
    try:
        run(
            [
                tools.path("pg_basebackup"),
                f"--dbname={request.primary.conninfo('pg_basebackup')}",
                f"--pgdata={building}",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--write-recovery-conf",
                "--no-password",
                "--progress",
                f"--slot={request.slot}",
            ],
            environment=request.primary.environment(),
            deadline=deadline,
            takes_line=copying.is_line,
        )
        with open(os.path.join(building, "postgresql.auto.conf"), "a", encoding="utf-8") as file:
            file.write(WAIT_FOR_NOBODY)
        return _put_in_place(building, request.data_dir)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _put_in_place(building: str, data_dir: str) -> str:
    aside = ""
    if os.path.isdir(data_dir) and os.listdir(data_dir):
        aside = f"{data_dir}{_SET_ASIDE}{os.getpid()}"
        os.rename(data_dir, aside)
    elif os.path.isdir(data_dir):
        os.rmdir(data_dir)
    try:
        os.rename(building, data_dir)
    except OSError:
        if aside:
            os.rename(aside, data_dir)
        raise
    return aside


def refuse_running(data_dir: str) -> None:
    pid = running_server(data_dir)
    if pid:
        raise LifeboatError(
            f"A server (process {pid}) runs with {data_dir}. Nothing was done.", hint="Stop it, and disable its unit."
        )
