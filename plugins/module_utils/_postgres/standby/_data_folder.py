# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What a data folder of PostgreSQL says of itself while no server runs: its control file, its settings, its lock."""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._lag import parse_lsn
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import Connection
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools

_SETTING = re.compile(r"^\s*(\w+)\s*=\s*'((?:[^']|'')*)'", re.M)
_CONTROL = re.compile(r"^([^:\n]+):\s+(.*?)\s*$", re.M)


# A standby needs it not, and one that is promoted with the setting of its old primary would wait for itself.
WAIT_FOR_NOBODY = "synchronous_standby_names = ''\n"


@dataclasses.dataclass(frozen=True)
class Control:
    """What ``pg_controldata`` says, as far as a standby needs it."""

    system_identifier: str
    state: str  # such as "shut down"
    timeline: int
    checkpoint: int  # where its last checkpoint lies
    segment_bytes: int
    can_be_rewound: bool  # data checksums, or wal_log_hints

    @property
    def is_clean(self) -> bool:
        """Whether it was shut down; else its log has to be replayed first."""
        return self.state in ("shut down", "shut down in recovery")


def read_control(folder: str, tools: Tools) -> Control:
    """The control file of a data folder. Raises SourceError or LifeboatError."""
    text = run([tools.path("pg_controldata"), folder], environment={"LC_ALL": "C"})
    values = dict(_CONTROL.findall(text))
    try:
        return Control(
            system_identifier=values["Database system identifier"],
            state=values["Database cluster state"],
            timeline=int(values["Latest checkpoint's TimeLineID"]),
            checkpoint=parse_lsn(values["Latest checkpoint location"]),
            segment_bytes=int(values["Bytes per WAL segment"]),
            can_be_rewound=values["Data page checksum version"] != "0" or values["wal_log_hints setting"] == "on",
        )
    except (KeyError, ValueError) as error:
        raise LifeboatError(
            f"pg_controldata does not say of {folder} what is needed ({error}). Nothing was done.",
            hint="Look at its output: the control file may be damaged.",
        ) from None


def is_data_folder(folder: str) -> bool:
    """Whether PostgreSQL's data lies there."""
    return os.path.exists(os.path.join(folder, "PG_VERSION"))


def major_of(folder: str) -> int:
    """The major version of the data in the folder. Raises LifeboatError."""
    try:
        with open(os.path.join(folder, "PG_VERSION"), encoding="ascii") as file:
            return int(file.read().strip())
    except (OSError, ValueError) as error:
        raise LifeboatError(f"{folder} is not a data folder of PostgreSQL: {error}. Nothing was done.") from None


def running_server(folder: str) -> str:
    """The process id of the server that runs with this folder; empty where none does."""
    try:
        with open(os.path.join(folder, "postmaster.pid"), encoding="ascii", errors="replace") as file:
            pid = file.readline().strip()
    except OSError:
        return ""
    return pid if is_alive(pid) else ""


def is_alive(pid: str) -> bool:
    """Whether there is such a process."""
    return pid.isdecimal() and os.path.exists(f"/proc/{pid}")


def is_standby_of(folder: str, primary: Connection, slot: str) -> bool:
    """Whether its server, when it is started, follows this primary by this slot."""
    settings = _settings(folder)
    return (
        os.path.exists(os.path.join(folder, "standby.signal"))
        and settings.get("primary_slot_name") == slot
        and _connects_to(settings.get("primary_conninfo", ""), primary)
    )


def _settings(folder: str) -> dict[str, str]:
    """What postgresql.auto.conf says; the last line for a setting counts."""
    try:
        with open(os.path.join(folder, "postgresql.auto.conf"), encoding="utf-8", errors="replace") as file:
            return {name: text.replace("''", "'") for name, text in _SETTING.findall(file.read())}
    except OSError:
        return {}


def _connects_to(conninfo: str, primary: Connection) -> bool:
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import parse_dsn

    try:
        written = parse_dsn("primary_conninfo", conninfo)
    except OptionError:
        return False
    keys = ("host", "port", "user", "passfile", "sslmode")
    return all(written.get(key) == primary.parameters[key] for key in keys if key in primary.parameters)
