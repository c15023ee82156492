# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""When certificates expire: those in files, and those that servers show. No certificate is trusted for that.

PostgreSQL and NATS speak TLS only after a few bytes in plain text, as their protocols say:
https://www.postgresql.org/docs/current/protocol-message-formats.html (SSLRequest) and
https://docs.nats.io/reference/reference-protocols/nats-protocol (INFO).
"""

from __future__ import annotations

import datetime
import socket
import ssl
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import load_library
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import (
    BAD,
    GOOD,
    UNKNOWN,
    WARNING,
    Certificate,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._words import short

CERTIFICATES_SPEC: dict[str, dict[str, t.Any]] = {
    "certificates": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "path": {"type": "path"},
            "host": {"type": "str"},
            "port": {"type": "int"},
            "server_name": {"type": "str"},
            "starttls": {"type": "str", "choices": ["none", "postgresql", "nats"], "default": "none"},
        },
        "mutually_exclusive": [["path", "host"]],
        "required_one_of": [["path", "host"]],
        "required_by": {"host": ["port"]},
    }
}
"""The option ``certificates`` of ``backup_status``, and of ``watch`` in a plan."""
_SOON, _NOW = datetime.timedelta(days=20), datetime.timedelta(days=3)
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_MOST_BYTES = 1 << 20
_BEGIN = b"-----BEGIN CERTIFICATE-----"


def check_certificates(entries: t.Sequence[t.Mapping[str, t.Any]]) -> None:
    """Refuse what cannot be right. Raises OptionError."""
    names = [entry["name"] for entry in entries]
    for entry in entries:
        if names.count(entry["name"]) > 1:
            raise OptionError(f"certificates: {entry['name']} is named twice.", hint="Give each a name of its own.")
        if entry["host"] and not 0 < (entry["port"] or 0) < 65536:
            raise OptionError(f"certificates: the port of {entry['name']} is {entry['port']}.", hint="Use 1 to 65535.")


def look_at_certificate(entry: t.Mapping[str, t.Any], now: datetime.datetime, seconds: float) -> Certificate:
    """The certificate that one entry names; of a file with several the one that expires first.

    ``seconds`` is how long a server may take. What cannot be read is said, and is not known to be good.
    """
    place = entry["path"] or f"{entry['host']}:{entry['port']}"
    try:
        loaded = _of_file(entry["path"]) if entry["path"] else [_of_server(entry, seconds)]
        not_after = min(map(_not_after, loaded))
    except LifeboatError as error:
        return Certificate(entry["name"], place, None, UNKNOWN, str(error))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return Certificate(entry["name"], place, None, UNKNOWN, f"{place} shows no certificate: {why}.")
    return judged(entry["name"], place, not_after, now)


def judged(name: str, place: str, not_after: datetime.datetime, now: datetime.datetime) -> Certificate:
    """The verdict on a certificate: bad three days before its end, a warning twenty days before."""
    left = not_after - now
    state = GOOD if left > _SOON else WARNING if left > _NOW else BAD
    words = (
        f"It expired {short(-left.total_seconds())} ago."
        if left.total_seconds() <= 0
        else f"It expires in {short(left.total_seconds())}."
    )
    return Certificate(name, place, not_after, state, words)


def _of_file(path: str) -> list[t.Any]:
    x509 = load_library("cryptography.x509", "reading certificates")
    with open(path, "rb") as file:
        content = file.read(_MOST_BYTES)
    if _BEGIN in content:
        return list(x509.load_pem_x509_certificates(content))
    return [x509.load_der_x509_certificate(content)]


def _of_server(entry: t.Mapping[str, t.Any], seconds: float) -> t.Any:
    x509 = load_library("cryptography.x509", "reading certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # one that nobody trusts expires, too
    with socket.create_connection((entry["host"], entry["port"]), timeout=seconds) as connection:
        if entry["starttls"] == "postgresql":
            connection.sendall(_SSL_REQUEST)
            if connection.recv(1) != b"S":
                raise ValueError("PostgreSQL there speaks no TLS")
        elif entry["starttls"] == "nats":
            _read_info(connection)
        with context.wrap_socket(connection, server_hostname=entry["server_name"] or entry["host"]) as secured:
            shown = secured.getpeercert(binary_form=True)
    if not shown:
        raise ValueError("the server shows none")
    return x509.load_der_x509_certificate(shown)


def _read_info(connection: socket.socket) -> None:
    """The first line of a NATS server, byte by byte: what follows it is TLS."""
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte or len(line) > 1 << 16:
            raise ValueError("no NATS server answers there")
        line += byte


def _not_after(certificate: t.Any) -> datetime.datetime:
    if hasattr(certificate, "not_valid_after_utc"):  # since cryptography 42
        return t.cast(datetime.datetime, certificate.not_valid_after_utc)
    return t.cast(datetime.datetime, certificate.not_valid_after).replace(tzinfo=datetime.timezone.utc)
