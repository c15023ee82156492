# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The least rights of a user that backs up Redis or Valkey. Pure."""

from __future__ import annotations

import typing as t

COMMANDS = ("+psync", "+replconf", "+info")
"""What a replica says, and how much there is. No key can be read or written by name."""


def rule(user: str) -> str:
    """The command that makes the user, as a person types it."""
    return f"ACL SETUSER {user} on >PASSWORD resetkeys resetchannels -@all {' '.join(COMMANDS)}"


def words(password_hash: str) -> list[str]:
    """The rules of ACL SETUSER. ``password_hash`` is a SHA-256; empty leaves the passwords as they are."""
    password = ["resetpass", f"#{password_hash}"] if password_hash else []
    return ["on", *password, "resetkeys", "resetchannels", "-@all", *COMMANDS]


def is_granted(described: t.Any, password_hash: str) -> bool:
    """Whether ACL GETUSER (its answer, None where there is no such user) says exactly that."""
    if not isinstance(described, list):
        return False
    found = {_text(key): value for key, value in zip(described[::2], described[1::2])}
    passwords = [_text(one) for one in found.get("passwords") or []]
    return (
        "on" in [_text(one) for one in found.get("flags") or []]
        and "nopass" not in [_text(one) for one in found.get("flags") or []]
        and set(_text(found.get("commands")).split()) == {"-@all", *COMMANDS}
        and not found.get("keys")
        and not found.get("channels")
        and (not password_hash or passwords == [password_hash])
    )


def _text(value: t.Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
