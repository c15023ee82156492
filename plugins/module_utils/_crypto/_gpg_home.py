# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""GnuPG home folders: private ones that leave nothing behind, and the ones that people keep."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto._gpg_program import environment
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run

_PREFIX = "lifeboat-gpg-"
_AGENT_SECONDS = 5.0  # how long an agent may take to end

_kept_lock = threading.Lock()
_kept_homes: dict[str, tuple[int, bool]] = {}  # path → how many streams use it now, whether its agent ran before them


@contextlib.contextmanager
def private_home() -> t.Iterator[str]:
    """A new, empty home folder (mode 0700). Afterwards it is gone, and the agent that served it too.

    It lies in memory where there is /dev/shm, so that an imported secret key never reaches a disk; its path is short
    because the agent's socket in it may have at most 107 characters. Homes that a killed run has left are cleared away
    first.
    """
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else tempfile.gettempdir()
    for name in os.listdir(base):
        if name.startswith(_PREFIX):
            _remove_if_abandoned(os.path.join(base, name))
    home, lock = _new_locked_folder(base)
    try:
        yield home
    finally:
        _clear_away(home)
        os.close(lock)


@contextlib.contextmanager
def kept_home(path: str) -> t.Iterator[str]:
    """Somebody's own home folder. An agent that was started meanwhile is ended afterwards; one that ran before goes on.

    Streams of this process that use the same home at the same time share its agent: the last of them ends it.
    """
    with _kept_lock:
        users, had_agent = _kept_homes.get(path) or (0, _agent_answers(path))
        _kept_homes[path] = (users + 1, had_agent)
    try:
        yield path
    finally:
        with _kept_lock:
            users, had_agent = _kept_homes.pop(path)
            if users > 1:
                _kept_homes[path] = (users - 1, had_agent)
            elif not had_agent:
                _end_agent(path)


def _new_locked_folder(base: str) -> tuple[str, int]:
    """The lock on the folder, which ends with this process however it ends, tells other runs that the folder is in
    use.
    """
    while True:
        home = tempfile.mkdtemp(prefix=_PREFIX, dir=base)
        try:
            lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # another run has just taken it for abandoned
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.isdir(home):
                return home, lock
        except BlockingIOError:
            pass
        os.close(lock)


def _remove_if_abandoned(home: str) -> None:
    try:
        lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return  # gone already, or another user's
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _clear_away(home)
    except BlockingIOError:
        return  # in use
    finally:
        os.close(lock)


def _clear_away(home: str) -> None:
    _end_agent(home)
    end = time.monotonic() + _AGENT_SECONDS
    while os.path.isdir(home) and time.monotonic() < end:
        shutil.rmtree(home, ignore_errors=True)  # an agent that ends removes its sockets at the same time


def _end_agent(home: str) -> None:
    """End the agent of this home if one runs.

    One that does not listen ends itself within a minute, when its socket has gone.
    """
    if not _agent_answers(home):
        return
    with contextlib.suppress(LifeboatError):
        run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], environment=environment(home))
    end = time.monotonic() + _AGENT_SECONDS
    while _agent_answers(home) and time.monotonic() < end:
        time.sleep(0.01)


def _agent_answers(home: str) -> bool:
    try:
        listed = run(
            ["gpgconf", "--homedir", home, "--list-dirs", "agent-socket"], environment=environment(home)
        ).strip()
    except LifeboatError:
        return False  # without GnuPG there is no agent; starting gpg will say that it is not there
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(listed.replace("%3a", ":"))
        except OSError:
            return False
    return True
