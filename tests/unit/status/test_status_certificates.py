# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in files and on real TLS servers, and what is said of those that expire."""

from __future__ import annotations

import datetime
import pathlib
import socket
import ssl
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._status._certificates import (
    check_certificates,
    judged,
    look_at_certificate,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._status._model import BAD, GOOD, UNKNOWN, WARNING
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)


def made(folder: pathlib.Path, *days: float) -> pathlib.Path:
    """A file with a key, and a certificate for each of these lengths from now on."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "db1.example.org")])
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for number in days:
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        signed = builder.not_valid_before(NOW - 90 * DAY).not_valid_after(NOW + number * DAY).sign(key, hashes.SHA256())
        content += signed.public_bytes(serialization.Encoding.PEM)
    path = folder / "server.pem"
    path.write_bytes(content)
    return path


def entry(**given: t.Any) -> dict[str, t.Any]:
    return {"name": "db", "path": None, "host": None, "port": None, "server_name": None, "starttls": "none", **given}


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        (21, GOOD, "It expires in 21 d."),
        (19, WARNING, "It expires in 19 d."),
        (2, BAD, "It expires in 2 d."),
        (-3, BAD, "It expired 3 d ago."),
    ],
)
def test_the_nearer_the_end_the_worse(days: int, state: str, words: str) -> None:
    certificate = judged("db", "/x", NOW + days * DAY, NOW)
    assert (certificate.state, certificate.message) == (state, words)


def test_of_several_in_a_file_the_first_to_expire_counts(tmp_path: pathlib.Path) -> None:
    certificate = look_at_certificate(entry(path=str(made(tmp_path, 300, 10))), NOW, 5)
    assert (certificate.state, certificate.not_after) == (WARNING, NOW + 10 * DAY)


def test_what_is_not_there_or_no_certificate_is_not_known_to_be_good(tmp_path: pathlib.Path) -> None:
    (tmp_path / "other").write_text("no certificate", encoding="utf-8")
    for path in (tmp_path / "none", tmp_path / "other"):
        certificate = look_at_certificate(entry(path=str(path)), NOW, 5)
        assert certificate.state == UNKNOWN and certificate.not_after is None and str(path) in certificate.message


class Server:
    """A TLS server that says ``greeting`` or answers one request in plain text first."""

    def __init__(self, pem: pathlib.Path, *, greeting: bytes = b"", reads: int = 0, answer: bytes = b"") -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._plain = (greeting, reads, answer)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        greeting, reads, answer = self._plain
        connection, _address = self._socket.accept()
        with connection:
            connection.sendall(greeting)
            if reads:
                connection.recv(reads)
                connection.sendall(answer)
            try:
                with self._context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                return

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()


@pytest.mark.parametrize(
    ("starttls", "plain"),
    [
        ("none", {}),
        ("postgresql", {"reads": 8, "answer": b"S"}),
        ("nats", {"greeting": b'INFO {"tls_required":true}\r\n'}),
    ],
)
def test_a_server_that_nobody_trusts_shows_its_certificate(
    tmp_path: pathlib.Path, starttls: str, plain: dict[str, t.Any]
) -> None:
    with Server(made(tmp_path, 2), **plain) as server:
        found = look_at_certificate(entry(host="127.0.0.1", port=server.port, starttls=starttls), NOW, 20)
    assert (found.state, found.not_after) == (BAD, NOW + 2 * DAY), found.message


def test_a_server_that_is_gone_or_speaks_no_tls_is_named(tmp_path: pathlib.Path) -> None:
    with Server(made(tmp_path, 2), reads=8, answer=b"N") as server:
        found = look_at_certificate(entry(host="127.0.0.1", port=server.port, starttls="postgresql"), NOW, 20)
        assert found.state == UNKNOWN and "speaks no TLS" in found.message
    gone = look_at_certificate(entry(host="127.0.0.1", port=server.port), NOW, 20)
    assert gone.state == UNKNOWN and f"127.0.0.1:{server.port} shows no certificate" in gone.message


def test_what_cannot_be_right_is_refused() -> None:
    with pytest.raises(OptionError, match="db is named twice"):
        check_certificates([entry(path="/a"), entry(path="/b")])
    with pytest.raises(OptionError, match="the port of db is 0"):
        check_certificates([entry(host="h", port=0)])
