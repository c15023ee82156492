# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load: a customer who orders without pause, and one connection to the database that does nothing but write.

``client.py write`` runs until it is ended, and ``client.py wait NAME COUNT`` until so many more were acknowledged. Each
write that was acknowledged is one line of JSON in ``orders.jsonl`` or ``beats.jsonl``, on disk before the next is sent.
It asks DNS for the application each time, and finds the database by itself among two addresses.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import threading
import time
import typing as t
import urllib.request

import psycopg2

URL = "http://www.shop.test:8000/orders"
FOLDER = pathlib.Path("/var/lib/load")
PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 2
DSN = "host=fra,ams dbname=shop user=lifeboat target_session_attrs=read-write connect_timeout=2"


def order(number: int) -> dict[str, t.Any]:
    """Order it, and give what the application has acknowledged."""
    request = urllib.request.Request(f"{URL}/{number}", data=b"", method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return t.cast("dict[str, t.Any]", json.load(answer))


class Beats:
    """One connection that writes a number at a time."""

    def __init__(self) -> None:
        self._connection: t.Any = None

    def __call__(self, number: int) -> dict[str, t.Any]:
        """Write it."""
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(f"{DSN} options='-c statement_timeout={PATIENCE_SECONDS}s'")
                self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute("insert into beats (n) values (%s) on conflict do nothing", (number,))
        except psycopg2.Error:
            self._connection = None
            raise
        return {}


def write(path: pathlib.Path, send: t.Callable[[int], dict[str, t.Any]]) -> None:
    """Send numbers for ever, and keep those that were acknowledged."""
    number = 0
    with open(path, "a", encoding="ascii") as kept:
        while True:
            number += 1
            try:
                said = send(number)
            except (psycopg2.Error, OSError, ValueError):  # refused or silent: not acknowledged
                time.sleep(PAUSE_SECONDS / 2)
                continue
            kept.write(json.dumps({"n": number, "at": time.time(), **said}) + "\n")
            kept.flush()
            os.fsync(kept.fileno())
            time.sleep(PAUSE_SECONDS)


def wait(name: str, count: str) -> None:
    """Until so many more were acknowledged."""
    path = FOLDER / f"{name}.jsonl"
    wanted = int(count) + (path.read_bytes().count(b"\n") if path.exists() else 0)
    while not path.exists() or path.read_bytes().count(b"\n") < wanted:
        time.sleep(0.2)


if __name__ == "__main__":
    if sys.argv[1] == "wait":
        wait(*sys.argv[2:])
        sys.exit()
    threading.Thread(target=write, args=(FOLDER / "beats.jsonl", Beats()), daemon=True).start()
    write(FOLDER / "orders.jsonl", order)
