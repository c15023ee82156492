# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``pg_wal_archive``: has a server archive its log into the repositories, and says whether it does."""

from __future__ import annotations

import dataclasses
import os
import sys
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._compression import COMPRESSION_SPEC, open_compressor
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC, open_cipher
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import connection_from_options
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._options import CONNECTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _archiving, _configure
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive, archive_name
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC, open_repositories

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "app": {"type": "str", "required": True},
    "component": {"type": "str", "required": True},
    "archive": {"type": "str"},
    **CONNECTION_SPEC,
    **REPOSITORY_SPEC,
    **ENCRYPTION_SPEC,
    **COMPRESSION_SPEC,
    "min_copies": {"type": "int"},
    "archive_timeout": {"type": "str", "default": "60s"},
    "program": {"type": "path", "default": "/var/lib/lifeboat/bin/lifeboat-wal"},
    "config_dir": {"type": "path", "default": "/etc/lifeboat/wal"},
    "python": {"type": "path"},
    "ahead": {"type": "int", "default": 4},
    "spool_dir": {"type": "path", "default": "/var/lib/lifeboat/wal"},
    "push_time_limit": {"type": "str", "default": "30s"},
    "replace": {"type": "bool", "default": False},
    "time_limit": {"type": "str", "default": "2m"},
}
_MOST_AHEAD = 32
_PUSH_SECONDS = (5, 3600)


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    archive = _archive(options)
    timeout = int(parse_duration("archive_timeout", options["archive_timeout"]).total_seconds())
    deadline = Deadline(parse_duration("time_limit", options["time_limit"]).total_seconds())
    session = connection_from_options(options).connect()
    try:
        with session.cursor() as cursor:
            place = _place(options, archive.name, cursor)
            files = _configure.install(place, _configuration(options, archive.name), check_mode=module.check_mode)
            wanted = {
                "wal_level": "replica",
                "archive_mode": "on",
                "archive_command": place.command("push"),
                "archive_timeout": str(timeout),
            }
            done = _configure.configure(
                cursor, wanted, replace=options["replace"], check_mode=module.check_mode, ours=f"'{place.config}'"
            )
            checked = ""
            if not done.restart_required and not module.check_mode:
                segment = _archiving.archive_now(cursor, archive, deadline)
                checked = segment.text
                files += _archiving.push_histories(cursor, archive, segment.timeline)
            state = _archiving.read_archiver(cursor)
    finally:
        session.close()
    for worry in _archiving.worries(state):
        module.warn(worry)
    changes = [*files, *done.changed]
    return {
        "changed": bool(changes),
        "archive": archive.name,
        "archive_command": wanted["archive_command"],
        "restart_required": done.restart_required,
        "checked_segment": checked,
        "archiver": {**dataclasses.asdict(state), "slots": list(state.slots)},
        "diff": {"before": "", "after": "".join(f"{change}\n" for change in changes)},
    }


def _archive(options: t.Mapping[str, t.Any]) -> WalArchive:
    """The archive, when all that describes it can be meant. Raises OptionError."""
    app = _manifest.check_name("app", options["app"])
    component = _manifest.check_name("component", options["component"])
    repositories = open_repositories(options["repositories"])
    if options["min_copies"] is not None and not 1 <= options["min_copies"] <= len(repositories):
        raise OptionError(
            f"min_copies is {options['min_copies']}, and there are {len(repositories)} repositories.",
            hint="Leave it out: then a segment is archived when all of them hold it.",
        )
    if not 0 <= options["ahead"] <= _MOST_AHEAD:
        raise OptionError(f"ahead is {options['ahead']}.", hint=f"Use 0 (none) to {_MOST_AHEAD} segments.")
    seconds = _push_seconds(options)
    if not _PUSH_SECONDS[0] <= seconds <= _PUSH_SECONDS[1]:
        raise OptionError(
            f"push_time_limit is {options['push_time_limit']}.",
            hint="Use 5s to 1h; as long as a segment takes at most.",
        )
    open_cipher(options["encryption"]).check()
    open_compressor(options["compression"]).check()
    name = archive_name(app, component, options["archive"])
    return WalArchive(name, repositories, options["encryption"], options["compression"])


def _configuration(options: t.Mapping[str, t.Any], archive: str) -> dict[str, t.Any]:
    """What ``lifeboat-wal`` reads. Only what encrypts is in it: the host that archives cannot read its archive."""
    keys = ("identity_file",)
    encryption = {key: one for key, one in (options["encryption"] or {}).items() if key not in keys}
    return {
        "archive": archive,
        "repositories": options["repositories"],
        "encryption": encryption or None,
        "compression": options["compression"],
        "min_copies": options["min_copies"],
        "spool_dir": f"{options['spool_dir']}/{archive}" if options["ahead"] else None,
        "ahead": options["ahead"],
        "time_limit_seconds": _push_seconds(options),
    }


def _push_seconds(options: t.Mapping[str, t.Any]) -> int:
    return int(parse_duration("push_time_limit", options["push_time_limit"]).total_seconds())


def _place(options: t.Mapping[str, t.Any], archive: str, cursor: psycopg2.extensions.cursor) -> _configure.Place:
    """Where the files go; root gives them to the owner of the data folder."""
    owner = None
    if os.geteuid() == 0:
        cursor.execute("show data_directory")
        row = cursor.fetchone()
        try:
            found = os.stat(row[0] if row else "")
        except OSError:
            raise OptionError(
                "The server's data folder is not on this host, so nobody knows which account runs archive_command.",
                hint="Run the task on the server's host.",
            ) from None
        owner = (found.st_uid, found.st_gid)
    place = _configure.Place(
        options["program"], f"{options['config_dir']}/{archive}.json", options["python"] or sys.executable, owner
    )
    _configure.check_place(place)
    return place
