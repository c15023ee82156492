# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The program ``lifeboat-wal``: what PostgreSQL runs as ``archive_command`` and ``restore_command``.

``lifeboat-wal --config FILE push %p %f`` and ``lifeboat-wal --config FILE fetch %f %p``, in the data folder. ``push``
exits with 0 when the file is durable in the repositories, else with 1: PostgreSQL keeps the file and tries again.
``fetch`` exits with 1 where the archive does not have the file, which ends a recovery, and with 254 for every error:
PostgreSQL then stops (above 125, ``shell_restore.c``) instead of taking the error for the end of the log.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import struct
import sys
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal import _ahead
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._archive import WalArchive
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.wal._files import SEGMENT, WalName, parse_name
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import open_repositories

DONE, NOT_THERE, FAILED, FATAL = 0, 1, 1, 254
_CONTROL = "global/pg_control"
_CONTROL_HEAD = struct.Struct("<Q")  # ControlFileData.system_identifier
_TIME_LIMIT_SECONDS = 300
_OF_LIMIT = 0.8  # of a push may one request to a bucket go on: what is wrong is then told in words before the push ends
_REQUEST_SECONDS, _RETRIES = 600.0, 7  # the defaults of request_time_limit and retries
_PUSH_RETRIES = 3
_AHEAD_SECONDS = 60.0  # that the end waits for segments that nobody has asked for yet
_USAGE = "usage: lifeboat-wal --config FILE (push PATH NAME | fetch NAME PATH)"


class Config(t.NamedTuple):
    """What the configuration says."""

    archive: WalArchive
    min_copies: int
    time_limit_seconds: int
    system_identifier: str  # empty: that of the data folder it runs in
    spool_dir: str = ""  # where notes of segments that were archived ahead are left; empty: none is
    ahead: int = 0  # how many segments at once


def main(arguments: t.Sequence[str]) -> int:
    """Do what the arguments say. Gives the exit status; says on standard error why it is not 0."""
    if len(arguments) != 5 or arguments[0] != "--config" or arguments[2] not in ("push", "fetch"):
        sys.stderr.write(_USAGE + "\n")
        return FATAL
    path, verb, first, second = arguments[1:]
    fetching = verb == "fetch"
    try:
        config = read_config(path)
        signal.signal(signal.SIGALRM, _out_of_time)
        signal.alarm(config.time_limit_seconds)
        if fetching:
            return _fetch(config, first, second)
        return _push(config, first, second)
    except LifeboatError as error:
        words = str(error)
    except OSError as error:
        words = f"{error.filename or ''}: {error.strerror or error}"
    except Exception as error:  # a library's own: an error must never look like the end of the log
        words = f"{type(error).__name__}: {error}"
    sys.stderr.write(f"lifeboat-wal: {verb} {first if fetching else second} failed: {words}" + "\n")
    return FATAL if fetching else FAILED


def read_config(path: str) -> Config:
    """The configuration in this file. Raises OptionError, also where others may read or change it."""
    with open(path, encoding="utf-8") as file:
        mode = os.fstat(file.fileno()).st_mode
        text = file.read()
    if stat.S_IMODE(mode) & 0o077:
        raise OptionError(f"{path} can be read by others, and may hold secrets.", hint="Set its mode to 0600.")
    try:
        given = read_json(text)
        archive = WalArchive(
            given["archive"],
            open_repositories(_bounded(given["repositories"], int(given.get("time_limit_seconds") or 0))),
            given.get("encryption"),
            given.get("compression"),
        )
        limits = int(given.get("min_copies") or 0), int(given.get("time_limit_seconds") or _TIME_LIMIT_SECONDS)
        ahead = str(given.get("spool_dir") or ""), int(given.get("ahead") or 0)
        return Config(archive, *limits, str(given.get("system_identifier") or ""), *ahead)
    except (ValueError, KeyError, TypeError) as error:
        raise OptionError(f"{path} is not a configuration of lifeboat-wal: {type(error).__name__}: {error}.") from None


def _bounded(entries: t.Sequence[dict[str, t.Any]], seconds: int) -> list[dict[str, t.Any]]:
    """The repositories, whose requests do not outlast a program that has ``seconds``; 0: as they are.

    PostgreSQL tries again by itself, and counts a failure, which people are alerted by, only when the program ends.
    """
    if not seconds:
        return list(entries)
    bounded = []
    for one in entries:
        given = {name: number for name, number in one.items() if number is not None}
        if one.get("bucket"):
            given["request_time_limit"] = min(given.get("request_time_limit", _REQUEST_SECONDS), seconds * _OF_LIMIT)
            given["retries"] = min(given.get("retries", _RETRIES), _PUSH_RETRIES)
        bounded.append(given)
    return bounded


def _push(config: Config, path: str, text: str) -> int:
    """Archive the file, and beside it the next ones that wait. Only what becomes of the file itself is told."""
    name, system_identifier = _known(text), _system_identifier(config)
    following = _ahead.waiting_after(path, text, config.ahead) if config.spool_dir and name.kind == SEGMENT else []
    threads = [
        threading.Thread(target=_push_ahead, args=(config, other, system_identifier), daemon=True)
        for other in following
    ]
    for thread in threads:
        thread.start()
    content, written = _read(path)
    failed = config.archive.push(content, name, system_identifier, config.min_copies, written)
    for repository, why in failed.items():
        sys.stderr.write(f"lifeboat-wal: {text} is archived, and {repository} does not hold it: {why}" + "\n")
    signal.alarm(0)
    for thread in threads:
        thread.join(_AHEAD_SECONDS)
    return DONE


def _push_ahead(config: Config, path: str, system_identifier: str) -> None:
    """Archive a segment before it is asked for. What goes wrong is told when it is asked for."""
    with contextlib.suppress(Exception):
        name, note = _known(os.path.basename(path)), _ahead.Note(config.spool_dir, path)
        content, written = _read(path)
        if not config.archive.push(content, name, system_identifier, config.min_copies, written):
            note.leave()


def _read(path: str) -> tuple[bytes, float]:
    """The file, and when it was last written to."""
    with open(path, "rb") as file:
        return file.read(), os.fstat(file.fileno()).st_mtime


def _fetch(config: Config, text: str, path: str) -> int:
    name = parse_name(text)
    if name is None:  # PostgreSQL may ask for what is never archived, such as RECOVERYXLOG's other names
        return NOT_THERE
    content = config.archive.fetch(name, _system_identifier(config))
    if content is None:
        return NOT_THERE
    partial = f"{path}.lifeboat"
    with open(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb"
    ) as file:
        file.write(content)
    os.replace(partial, path)
    return DONE


def _known(text: str) -> WalName:
    name = parse_name(text)
    if name is None:
        raise OptionError(f"{text!r} is not the name of a file that PostgreSQL archives.")
    return name


def _system_identifier(config: Config) -> str:
    """That of the data folder, in which PostgreSQL runs its commands."""
    if config.system_identifier:
        return config.system_identifier
    with open(_CONTROL, "rb") as file:
        head = file.read(_CONTROL_HEAD.size)
    return str(_CONTROL_HEAD.unpack(head)[0])


def _out_of_time(_number: int, _frame: object) -> None:
    raise LifeboatError(
        "the time limit is over.",
        hint="Look at the repository, or raise push_time_limit of lifeboat.dr.pg_wal_archive.",
    )
