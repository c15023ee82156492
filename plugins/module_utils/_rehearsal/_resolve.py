# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Where names lead to, asked of the host's own resolver."""

from __future__ import annotations

import socket
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._guard import Resolved

SECONDS = 15.0  # the C library's resolver asks twice, for five seconds each, before it gives up


def resolve(names: t.Sequence[str], seconds: float = SECONDS) -> dict[str, Resolved]:
    """Each name with its addresses and its canonical name. All are looked up side by side, and ``seconds`` bounds them
    together, as the C library's function has no limit of its own. A name that does not exist leads nowhere.
    """
    found = {name: Resolved(why=f"its lookup took longer than {seconds:g} s") for name in names}

    def look_up(name: str) -> None:
        found[name] = _look_up(name)

    threads = [threading.Thread(target=look_up, args=(name,), daemon=True) for name in found]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(found)


def _look_up(name: str) -> Resolved:
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            return Resolved(why=f"its lookup failed: {error.strerror}")
        return Resolved()
    except (UnicodeError, ValueError):  # no resolver is asked for such a name
        return Resolved()
    names = dict.fromkeys(answer[3] for answer in answers if answer[3] and answer[3] != name)
    return Resolved(tuple(dict.fromkeys(str(answer[4][0]) for answer in answers)), tuple(names))
