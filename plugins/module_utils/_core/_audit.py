# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The audit log: who ran what, on which backup, from where, with which result. One JSON line each.

Each line holds the SHA-256 of the line before it. So a line that was changed, removed or put between is detected. Lines
that were cut off at the end are detected by whoever has kept a later ``head``, so the log should be shipped elsewhere.
"""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import hashlib
import json
import os
import platform
import pwd
import socket
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._core._ownership import give_to_owner_of

AUDIT_SPEC: dict[str, dict[str, t.Any]] = {
    "audit": {
        "type": "dict",
        "options": {
            "log": {"type": "path", "required": True},
            "by": {"type": "str"},
            "syslog": {"type": "str"},
        },
    }
}
"""The option of every module that takes, proves, restores, holds or deletes a backup."""
NONE = "0" * 64
"""What the first line names as the line before it."""
_MOST_BYTES = 1 << 20  # of one line
_SHOWN = 1000  # characters of a message
_LOCK_SECONDS = 30.0
_SHIP_SECONDS = 5.0
_PRIORITY = 10 * 8 + 6  # authpriv.info (RFC 5424, section 6.2.1)


def record_of(name: str, options: t.Mapping[str, t.Any], result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What a line says of the run of the module ``name``. Only options that name things are in it, never a secret."""
    ids = [result.get("backup_id"), *(one.get("backup_id") for one in result.get("backups") or [])]
    message = str(result.get("msg") or "")
    return {
        "module": name,
        "app": options.get("app"),
        "component": options.get("component"),
        "backups": [str(one) for one in ids if one],
        "deleted": [str(one) for one in result.get("deleted") or []],
        "result": "failed" if result.get("failed") else "changed" if result.get("changed") else "unchanged",
        "verdict": result.get("verdict"),
        "message": message[:_SHOWN],
    }


def append(options: t.Mapping[str, t.Any], record: t.Mapping[str, t.Any]) -> str:
    """Add a line to the log that the option ``audit`` names, whole and synced, under a lock. Raises OSError.

    Returns why the line was not sent to the syslog as well; empty where it was, or was not wanted.

    A rehearsal runs as root in a folder that the account which backs up may own: so no link is followed, nothing is
    waited for without an end, and what root makes belongs to the owner of the folder.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(options["log"], flags, 0o600)
    try:
        _lock(descriptor)
        if not os.fstat(descriptor).st_size:
            give_to_owner_of(os.path.dirname(options["log"]) or ".", descriptor)
        last, whole = _last_line(descriptor)
        line = json.dumps(
            {
                "time": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "host": platform.node(),
                "account": _account(),
                "by": options.get("by") or os.environ.get("SUDO_USER") or _account(),
                "from": (os.environ.get("SSH_CONNECTION") or "").partition(" ")[0],
                **record,
                "previous": _digest(last) if last else NONE,
            }
        )
        # A line that a killed process has left unfinished stays as it is: it is a line, too.
        os.write(descriptor, (b"" if whole else b"\n") + line.encode("ascii") + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return _not_shipped(str(options["syslog"]), line) if options.get("syslog") else ""


def _not_shipped(target: str, line: str) -> str:
    """Send the line to a syslog: a socket's path, or ``host:port`` (UDP). Returns why it could not be sent, or
    nothing.
    """
    message = f"<{_PRIORITY}>lifeboat-audit: {line}".encode("ascii")
    host, _colon, port = target.rpartition(":")
    if not target.startswith("/") and not (host and port.isdecimal() and 0 < int(port) < 65536):
        return f"syslog {target!r} is neither a socket such as /dev/log nor host:port"
    try:
        family, address = _address(target, host, port)
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SHIP_SECONDS)
            sender.sendto(message, address)
    except OSError as error:
        return f"{target}: {error.strerror or error}"
    return ""


def _address(target: str, host: str, port: str) -> tuple[int, t.Any]:
    if target.startswith("/"):
        return socket.AF_UNIX, target
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
    return found[0], found[4]


def _lock(descriptor: int) -> None:
    end = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _last_line(descriptor: int) -> tuple[bytes, bool]:
    """The last line without its end, and whether it had one; empty and whole where the log is empty."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, min(size, _MOST_BYTES), max(0, size - _MOST_BYTES))
    whole = not tail or tail.endswith(b"\n")
    return tail.rstrip(b"\n").rpartition(b"\n")[2], whole


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


@dataclasses.dataclass(frozen=True)
class Chain:
    """What reading a log gives. ``broken`` are lines that do not follow from the line before."""

    lines: int
    head: str  # the SHA-256 of the last line
    broken: tuple[tuple[int, str], ...] = ()  # number of the line (from 1), why
    seen: bool = False  # the line that was looked for is there


def check(lines: t.Iterable[bytes], wanted: str = "") -> Chain:
    """Follow the chain through all lines of a log. ``wanted`` is the SHA-256 of a line that has to be among them."""
    count, previous, seen = 0, NONE, False
    broken: list[tuple[int, str]] = []
    for count, raw in enumerate(lines, 1):
        line = raw.rstrip(b"\n")
        try:
            named = read_json(line)["previous"]
        except (ValueError, KeyError, TypeError):
            broken.append((count, "it is no line of an audit log: it was cut or changed"))
        else:
            if named != previous:
                broken.append((count, "the line before it was changed, removed or put there"))
        previous = _digest(line)
        seen = seen or previous == wanted
    return Chain(count, previous, tuple(broken), seen)
