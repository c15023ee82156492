# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Has a server archive its write-ahead log: the program ``lifeboat-wal``, its configuration, and the settings."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._system_catalog import query, value
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.physical._archiving import settings
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal import _ahead, _program
from ansible_collections.lifeboat.dr.plugins.module_utils._programs import _install

if t.TYPE_CHECKING:
    import psycopg2.extensions

PROGRAM = "lifeboat-wal"
_AT_START = frozenset({"archive_mode", "wal_level"})
_AS_GOOD = {"archive_mode": ("on", "always"), "wal_level": ("replica", "logical")}
_RELOAD_SECONDS = 10.0
_CONFIG = re.compile(rf"/{PROGRAM}' --config '([^']+)'")
_UNSAFE = frozenset("'\"\\$`%\n")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the program and its configuration lie. ``owner`` is (uid, gid) where root writes them."""

    program: str
    config: str
    python: str = sys.executable
    owner: tuple[int, int] | None = None

    def command(self, verb: str) -> str:
        """What stands in ``archive_command`` (``push``) or ``restore_command`` (``fetch``). No secret is in it."""
        arguments = '"%p" "%f"' if verb == "push" else '"%f" "%p"'
        return f"'{self.program}' --config '{self.config}' {verb} {arguments}"


@dataclasses.dataclass(frozen=True)
class Configured:
    """What was done, or would be."""

    changed: tuple[str, ...]  # settings and files
    restart_required: bool


def check_place(place: Place) -> None:
    """Refuse paths that cannot stand in a command. Raises OptionError."""
    for option, path in (("program", place.program), ("config_dir", place.config), ("python", place.python)):
        if not os.path.isabs(path) or _UNSAFE & set(path) or (option == "python" and " " in path):
            raise OptionError(
                f"{option}: {path!r} cannot stand in archive_command.",
                hint="Give a whole path without quotes, backslashes, dollar and per cent signs.",
            )


def install(place: Place, options: t.Mapping[str, t.Any], *, check_mode: bool = False) -> list[str]:
    """Have the program and its configuration in their places. Gives the files that were not as they should be."""
    changed = []
    for path, content, mode in (
        (place.program, _install.program(place.python, _program.__name__, _ahead.__name__), 0o700),
        (place.config, _install.configuration(options), 0o600),
    ):
        if not _install.is_written(path, content, mode, place.owner):
            changed.append(path)
            if not check_mode:
                make_folder(os.path.dirname(path), place.owner)
                _install.write(path, content, mode, place.owner)
    return changed


def configure(
    cursor: psycopg2.extensions.cursor,
    wanted: t.Mapping[str, str],
    *,
    replace: bool,
    check_mode: bool = False,
    ours: str,
) -> Configured:
    """Have the server archive as ``wanted`` says: ``archive_command`` and more.

    ``ours`` stands in a command that archives into the same place: what a second run of us may write anew.

    Raises LifeboatError where it archives with something else, and where a setting does not come into force.
    """
    found, written = settings(cursor), _written(cursor)
    _refuse_other(found, written, ours, replace=replace)
    to_set = {name: text for name, text in wanted.items() if not _is_right(name, text, found, written)}
    pending = bool(_AT_START & set(to_set))
    if not check_mode:
        for name, text in to_set.items():
            cursor.execute(f"alter system set {name} = %s", (text,))
        if to_set:
            cursor.execute("select pg_reload_conf()")
            _wait_for_reload(cursor, to_set)
        pending = value(cursor, "select count(*) from pg_settings where pending_restart and name = any(%s)",
                        (list(_AT_START),)) > 0  # fmt: skip
    return Configured(tuple(sorted(to_set)), bool(pending))


def _written(cursor: psycopg2.extensions.cursor) -> dict[str, str]:
    """What the configuration files say; the last line for a setting counts."""
    return {
        name: str(text) for name, text in query(cursor, "select name, setting from pg_file_settings order by seqno")
    }


def _refuse_other(found: t.Mapping[str, str], written: t.Mapping[str, str], ours: str, *, replace: bool) -> None:
    command = written.get("archive_command", "").strip()
    other = command if command and ours not in command else ""
    config = _CONFIG.search(other)
    if config and (found["archive_mode"] == "off" or not os.path.exists(config[1])):
        other = ""  # a copy, such as a standby, has its origin's command, and archives nothing with it
    library = found.get("archive_library") or written.get("archive_library", "")
    if (other or library) and not replace:
        raise LifeboatError(
            f"The server archives already, with {other or 'the library ' + library}. Nothing was changed.",
            hint="Two archives of one server are each incomplete. To replace it, say replace: true.",
        )


def _is_right(name: str, wanted: str, found: t.Mapping[str, str], written: t.Mapping[str, str]) -> bool:
    """Whether the setting is in force, or stands in a file and waits for a restart."""
    good = _AS_GOOD.get(name, (wanted,))
    return written.get(name) in good or (name in _AT_START and found[name] in good and name not in written)


def _wait_for_reload(cursor: psycopg2.extensions.cursor, wanted: t.Mapping[str, str]) -> None:
    """Until our own session has read the files again. Raises LifeboatError where they do not say what was written."""
    end = time.monotonic() + _RELOAD_SECONDS
    while True:
        written = _written(cursor)
        wrong = [name for name, text in wanted.items() if written.get(name) != text]
        waiting = value(cursor, "select count(*) from pg_settings where name = any(%s) and not pending_restart and "
                        "setting <> (%s::jsonb ->> name) and setting <> '(disabled)' and unit is null",
                        (list(wanted), json.dumps(dict(wanted))))  # fmt: skip
        if not wrong and not waiting:
            return
        if time.monotonic() > end:
            raise LifeboatError(
                f"{', '.join(wrong or wanted)} was written, and the server does not take it.",
                hint="Something else sets it, such as the server's command line. Look at pg_file_settings.",
            )
        time.sleep(0.05)


def make_folder(path: str, owner: tuple[int, int] | None) -> None:
    """The folder, with those above it, for its owner alone."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    try:
        for folder in reversed(missing):
            os.mkdir(folder, 0o700)
            if owner is not None:
                os.chown(folder, *owner)
    except OSError as error:
        raise LifeboatError(
            f"The folder {missing[-1]} cannot be made: {error.strerror}.",
            hint="Run the task as an account that may, or name other places in program and config_dir.",
        ) from None
