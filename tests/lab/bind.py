# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BIND from Debian's package on loopback: a primary server with one zone that takes signed updates, or a resolver that
asks it and keeps the answers for their TTL.
"""

from __future__ import annotations

import base64
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import types
import typing as t

from tests.lab import throwaway

ZONE = "shop.test"
KEY_NAME = "failover"
_PRIMARY = """
key "{key_name}" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{zone}" {{ type primary; file "{folder}/zone"; update-policy {{ grant {key_name} name www.{zone}. A AAAA; }}; }};
"""
_RESOLVER = """
zone "{zone}" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {primary}; }}; }};
"""
_CONFIG = """
options {{
  directory "{folder}"; pid-file none; session-keyfile "{folder}/session.key"; managed-keys-directory "{folder}";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion {recursion}; empty-zones-enable no; dnssec-validation no; allow-query {{ 127.0.0.1; }}; notify no;
}};
controls {{ }};
"""
_ZONE = """$TTL {ttl}
@ IN SOA ns hostmaster 1 3600 600 86400 1
@ IN NS ns
ns IN A 127.0.0.1
www IN A {address}
locked IN A {address}
"""


class Bind:
    """Use it as a context manager. With ``primary`` it is a resolver that asks that one, else the primary itself, whose
    record ``www`` has ``address`` and ``ttl``.
    """

    def __init__(self, *, primary: Bind | None = None, address: str = "192.0.2.1", ttl: int = 60) -> None:
        self.secret = "" if primary else base64.b64encode(secrets.token_bytes(32)).decode()
        self.port = 0
        self._primary = primary
        self._address = address
        self._ttl = ttl
        self._folder: throwaway.Folder | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def where(self) -> str:
        """Its address, as the module takes it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Bind:
        program = shutil.which("named") or shutil.which("named", path="/usr/sbin")
        if program is None:
            raise throwaway.MissingPrerequisiteError("BIND is not on this machine. Install the Debian package bind9.")
        self._folder = throwaway.Folder("bind")
        folder = pathlib.Path(self._folder.path)
        self.port = throwaway.free_port()
        values: dict[str, t.Any] = {"folder": folder, "port": self.port, "zone": ZONE, "key_name": KEY_NAME}
        text = _CONFIG.format(recursion="yes" if self._primary else "no", **values)
        if self._primary:
            text += _RESOLVER.format(primary=self._primary.port, **values)
        else:
            text += _PRIMARY.format(secret=self.secret, **values)
            (folder / "zone").write_text(_ZONE.format(ttl=self._ttl, address=self._address), encoding="ascii")
        (folder / "named.conf").write_text(text, encoding="ascii")
        log = str(folder / "log")
        self._process = throwaway.start([program, "-g", "-n", "1", "-c", f"{folder}/named.conf"], log=log)
        throwaway.wait_until(lambda: throwaway.accepts_connections(self.port), self._process, log)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.remove()

    def stop(self) -> None:
        """End it. May be called twice."""
        if self._process is not None:
            throwaway.stop(self._process, signal.SIGKILL)
            self._process = None

    def addresses(self, name: str = "www") -> list[str]:
        """What it answers, read without the collection's library."""
        question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
        for label in f"{name}.{ZONE}".split("."):
            question += bytes([len(label)]) + label.encode()
        question += b"\x00\x00\x01\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(10)
            udp.sendto(question, ("127.0.0.1", self.port))
            answer = udp.recv(4096)
        rest, found = answer[len(question) :], []
        for _number in range(int.from_bytes(answer[6:8], "big")):  # a pointer, type, class, TTL, length, four bytes
            found.append(".".join(map(str, rest[12:16])))
            rest = rest[16:]
        return sorted(found)
