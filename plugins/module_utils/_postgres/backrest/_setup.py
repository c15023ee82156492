# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Makes a stanza: pgBackRest's configuration, the stanza in each repository, and the server that archives into it.

What cannot be is found with a configuration that lies beside, before anything of the host is touched.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._configuration import (
    Server,
    check_change,
    configuration,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.backrest._program import Backrest
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical import _configure
from ansible_collections.lifeboat.dr.plugins.module_utils._programs import _install
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._scratch_folder import ScratchFolder

if t.TYPE_CHECKING:
    import psycopg2.extensions
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline

_SERVER = """
    select current_setting('data_directory'), current_setting('port')::integer,
      split_part(current_setting('unix_socket_directories'), ',', 1), current_user::text,
      (select system_identifier::text from pg_control_system()), pg_is_in_recovery()
"""


@dataclasses.dataclass(frozen=True)
class Made:
    """What was done, or would be. ``missing`` are the numbers of the repositories without the stanza before."""

    files: tuple[str, ...]
    missing: tuple[int, ...]
    settings: tuple[str, ...]
    restart_required: bool
    checked: bool  # pgBackRest has seen a segment arrive
    version: str
    system_identifier: str

    @property
    def changes(self) -> list[str]:
        """In words, one each."""
        return [*self.files, *(f"stanza in repo{number}" for number in self.missing), *self.settings]


def make(
    options: t.Mapping[str, t.Any],
    cursor: psycopg2.extensions.cursor,
    archive_timeout: int,
    deadline: Deadline,
    *,
    check_mode: bool,
) -> Made:
    """Have all of it as the options say. Raises LifeboatError; what is refused is refused before a change."""
    server, system_identifier = _server(cursor)
    path = options["pgbackrest_config"]
    processes = options["pgbackrest_process_max"] or min(len(os.sched_getaffinity(0)), 16)
    text = configuration(options, server, processes)
    check_change(_present(path), text, replace=options["replace"])
    program = Backrest({**options, "pgbackrest_config": "", "pgbackrest_repo": 1}, deadline)
    wanted = {
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_command": _command(program.binary, path, options["stanza"]),
        "archive_timeout": str(archive_timeout),
    }
    ours = f"--config='{path}'"
    planned = _configure.configure(cursor, wanted, replace=options["replace"], check_mode=True, ours=ours)
    missing = tuple(_without_stanza(options, text, system_identifier, deadline))
    files = [] if _install.is_written(path, text.encode(), 0o600, None) else [path]
    folders = [f"{options['state_dir']}/{name}" for name in ("log", "lock", "spool")]
    files += [folder for folder in folders if not os.path.isdir(folder)]
    made = Made(
        tuple(files), missing, planned.changed, planned.restart_required, False, program.version, system_identifier
    )
    if check_mode:
        return made
    for folder in (*folders, os.path.dirname(path)):
        _configure.make_folder(folder, None)
    if path in files:
        _install.write(path, text.encode(), 0o600, None)
    backrest = Backrest({**options, "pgbackrest_repo": 1}, deadline)
    if missing:
        backrest.create()
    done = _configure.configure(cursor, wanted, replace=options["replace"], ours=ours)
    if not done.restart_required:
        backrest.check()
    return dataclasses.replace(
        made, settings=done.changed, restart_required=done.restart_required, checked=not done.restart_required
    )


def _command(binary: str, config: str, stanza: str) -> str:
    """What stands in ``archive_command``. No secret is in it."""
    place = _configure.Place(binary, config)
    _configure.check_place(place)
    return f"'{binary}' --config='{config}' --stanza={stanza} archive-push \"%p\""


def _server(cursor: psycopg2.extensions.cursor) -> tuple[Server, str]:
    """The server, which has to be this host's, and this account's. Raises OptionError."""
    data_dir, port, socket_dir, user, system_identifier, recovers = query(cursor, _SERVER)[0]
    if recovers:
        raise OptionError(
            "The server is a standby, and a stanza is made on the primary. Nothing was touched.",
            hint="Run the task where the primary is.",
        )
    try:
        owner = os.stat(data_dir).st_uid
    except OSError:
        owner = -1
    if owner != os.geteuid():
        raise OptionError(
            f"The data folder {data_dir} of the server is not this account's on this host. Nothing was touched.",
            hint="Run the task on the server's host, as the account of the server: become_user: postgres.",
        )
    if not socket_dir.startswith("/"):
        raise OptionError(
            "The server has no socket in a folder (unix_socket_directories), and pgBackRest reaches it over one.",
            hint="Set unix_socket_directories, and restart the server. Nothing was touched.",
        )
    return Server(data_dir, int(port), socket_dir, user), system_identifier


def _present(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(
            f"pgbackrest_config: {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.",
            hint="Name a place that the account of the server may write to. Nothing was touched.",
        ) from None


def _without_stanza(
    options: t.Mapping[str, t.Any], text: str, system_identifier: str, deadline: Deadline
) -> t.Iterator[int]:
    """The repositories in which the stanza is still to be made. Raises OptionError where it is another cluster's."""
    with ScratchFolder(tempfile.gettempdir()) as folder:  # with secrets: the next run removes a killed one's
        candidate = os.path.join(folder.path, "pgbackrest.conf")
        _install.write(candidate, text.encode(), 0o600, None)
        for number in range(1, len(options["pgbackrest_repositories"]) + 1):
            found = Backrest(
                {**options, "pgbackrest_config": candidate, "pgbackrest_repo": number}, deadline
            ).info_or_none()
            if found is None:
                yield number
            elif found.system_identifier != system_identifier:
                raise OptionError(
                    f"The stanza {options['stanza']} in repo{number} is of the cluster {found.system_identifier}, and "
                    f"the server is the cluster {system_identifier}. Nothing was touched.",
                    hint="Give this cluster a stanza of another name. After pg_upgrade of the same cluster, run "
                    "pgbackrest stanza-upgrade by hand.",
                )
