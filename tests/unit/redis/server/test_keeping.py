# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Keys that a target does not take: one of them is named and keeps no other from being written, and what is said of all
of them ends the work.
"""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.rdb._rdb import Item
from ansible_collections.lifeboat.dr.plugins.module_utils._redis.server._client import Server, ServerError
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis._restore import KeyRestore


class _MockTarget:
    """Has no key, and answers RESTORE of the key ``odd`` with an error."""

    nodes: tuple[t.Any, ...] = ()

    def __init__(self, error: str) -> None:
        self.error = error
        self.taken: list[bytes] = []

    def ask(self, items: t.Sequence[Item], commands: t.Callable[[Item], list[list[t.Any]]]) -> list[list[t.Any]]:
        return [[self._answer(command) for command in commands(item)] for item in items]

    def _answer(self, command: list[t.Any]) -> t.Any:
        if command[0] != "RESTORE":
            return None if command[0] == "DUMP" else -2
        if command[1] == b"odd":
            return ServerError(self.error, "RESTORE", Server("h", 1))
        self.taken.append(command[1])
        return b"OK"


def _restored(error: str) -> tuple[_MockTarget, t.Any]:
    target = _MockTarget(error)
    items = [Item(0, 0, name, b"\x01v", 0) for name in (b"a", b"odd", b"b")]
    keys = KeyRestore(t.cast(t.Any, target), replace=False, deadline=Deadline())
    return target, keys.run(items, lambda: 11, write=True)


@pytest.mark.parametrize("error", ["ERR Bad data format", "BUSYKEY Target key name already exists."])
def test_one_key_that_is_refused_keeps_no_other_from_being_written(error: str) -> None:
    target, counts = _restored(error)
    assert target.taken == [b"a", b"b"]
    assert (counts.written, counts.refused) == (2, 1)
    assert counts.refusals == [f"the key odd of database 0 ({error})"]


@pytest.mark.parametrize(
    "error",
    [
        "ERR DUMP payload version or checksum are wrong",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "READONLY You can't write against a read only replica.",
        "NOPERM this user has no permissions to run the 'restore' command",
        "ERR unknown command 'RESTORE'",
    ],
)
def test_what_is_said_of_every_key_ends_the_work(error: str) -> None:
    with pytest.raises(ServerError, match="the key odd of database 0") as raised:
        _restored(error)
    assert "1 keys have been written before it" in raised.value.message
