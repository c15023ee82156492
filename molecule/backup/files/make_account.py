# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes what nsc makes: an operator, an account with JetStream, and three users of it (docs.nats.io, decentralized
authentication).

Argument: the folder. ``accounts.conf`` is for the server and holds no secret. ``app.jwt`` is a user who may do
everything and needs no seed (a bearer). ``backup.creds`` and ``restore.creds`` are users who may do what
docs/how-to/roles-and-rights.md names, and no more.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pathlib
import sys
import time
import typing as t

import nkeys

BACKUP = [
    "$JS.API.INFO",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.INFO.*",
    "$JS.API.CONSUMER.LIST.*",
    "$JS.API.STREAM.SNAPSHOT.*",
    "$JS.SNAPSHOT.ACK.*.>",
]
RESTORE = [
    "$JS.API.INFO",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.INFO.*",
    "$JS.API.CONSUMER.LIST.*",
    "$JS.API.STREAM.RESTORE.*",
    "$JS.SNAPSHOT.RESTORE.*.*",
    "$JS.API.STREAM.UPDATE.*",
    "$JS.API.CONSUMER.CREATE.*.>",
]


class Identity:
    """A pair of keys."""

    def __init__(self, kind: int) -> None:
        self.seed = nkeys.encode_seed(os.urandom(32), kind)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.name = bytes(self._pair.public_key).decode()

    def sign(self, subject: Identity, name: str, claims: dict[str, t.Any]) -> str:
        """A JWT by which we say something about somebody (nats-io/jwt, version 2)."""
        said = {
            "iss": self.name,
            "sub": subject.name,
            "name": name,
            "iat": int(time.time()),
            "nats": {**claims, "version": 2},
        }
        said["jti"] = base64.b32encode(hashlib.sha256(json.dumps(said).encode()).digest()).decode().rstrip("=")
        text = f"{_encoded(_json({'typ': 'JWT', 'alg': 'ed25519-nkey'}))}.{_encoded(_json(said))}"
        return f"{text}.{_encoded(self._pair.sign(text.encode()))}"


def main(folder: pathlib.Path) -> None:
    """Write all files."""
    operator = Identity(nkeys.PREFIX_BYTE_OPERATOR)
    system, account = Identity(nkeys.PREFIX_BYTE_ACCOUNT), Identity(nkeys.PREFIX_BYTE_ACCOUNT)
    configuration = {
        "operator": operator.sign(operator, "operator", {"type": "operator"}),
        "system_account": system.name,
        "resolver": "MEMORY",
        "resolver_preload": {
            system.name: operator.sign(system, "SYS", _account(jetstream=False)),
            account.name: operator.sign(account, "SHOP", _account(jetstream=True)),
        },
    }
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in configuration.items()]
    _write(folder / "accounts.conf", "".join(lines))
    _write(folder / "app.jwt", account.sign(Identity(nkeys.PREFIX_BYTE_USER), "app", _user(None)))
    for name, subjects in (("backup", BACKUP), ("restore", RESTORE)):
        user = Identity(nkeys.PREFIX_BYTE_USER)
        _write(folder / f"{name}.creds", _credentials(account.sign(user, name, _user(subjects)), user.seed.decode()))


def _account(*, jetstream: bool) -> dict[str, t.Any]:
    unlimited = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
    storage = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1) if jetstream else {}
    return {"type": "account", "limits": {**unlimited, "wildcards": True, **storage}}


def _user(subjects: list[str] | None) -> dict[str, t.Any]:
    limits = dict.fromkeys(("subs", "data", "payload"), -1)
    if subjects is None:
        return {"type": "user", **limits, "pub": {}, "sub": {}, "bearer_token": True}
    return {"type": "user", **limits, "pub": {"allow": subjects}, "sub": {"allow": ["_INBOX.>"]}}


def _credentials(jwt: str, seed: str) -> str:
    """As ``nsc generate creds`` writes it."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def _json(value: dict[str, t.Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _write(path: pathlib.Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
