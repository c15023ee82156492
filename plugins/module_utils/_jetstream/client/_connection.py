# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""How to reach one account of a NATS server, and the opening of sessions with it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._credentials import (
    Credentials,
    CredentialsFile,
    NkeySeed,
    Nobody,
    Password,
    Token,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    CannotConnectError,
    ServerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._session import Session
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._transport import (
    PlainTransport,
    TlsTransport,
    Transport,
    connect,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._wire import Wire

_PORT = 4222
_SCHEMES = ("nats", "tls")
_NAME = "lifeboat.dr"


class Address(t.NamedTuple):
    """One server. ``tls`` demands TLS even where the server does not."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Connection:
    """The servers that are tried one after the other, and who we are to them.

    ``open`` may be called from several threads.
    """

    def __init__(
        self,
        addresses: t.Sequence[Address],
        credentials: Credentials | None = None,
        *,
        tls_ca_file: str = "",
        tls_cert_file: str = "",
        tls_key_file: str = "",
        domain: str = "",
        inbox_prefix: str = "_INBOX",
        connect_timeout: float = 10.0,
    ) -> None:
        self.addresses = tuple(addresses)
        self.domain = domain
        self.inbox_prefix = inbox_prefix
        self._credentials = credentials or Nobody()
        self._tls_files = (tls_ca_file, tls_cert_file, tls_key_file)
        self._connect_timeout = connect_timeout

    @classmethod
    def at(cls, url: str, **options: t.Any) -> Connection:
        """The connection that a URL alone describes."""
        return connection_from_options({"url": url, **options})

    def describe(self) -> str:
        """How people call it, without secrets: ``user@host:port``, or the hosts alone."""
        user = f"{self._credentials.user}@" if isinstance(self._credentials, Password) else ""
        return user + ",".join(str(address) for address in self.addresses)

    def open(self, deadline: Deadline) -> Session:
        """A session with the first server that lets us in. Raises CannotConnectError with what each of them said."""
        return Session(
            self._first(deadline),
            lambda: self._first(deadline),
            deadline,
            domain=self.domain,
            inbox_prefix=self.inbox_prefix,
        )

    def _first(self, deadline: Deadline) -> Wire:
        reasons = []
        for address in self.addresses:
            deadline.check(f"Connecting to NATS at {address}")
            try:
                return self._connected(address, deadline)
            except (CannotConnectError, ServerError) as error:
                reasons.append(error)
        if len(reasons) == 1:
            raise CannotConnectError(reasons[0].message, hint=reasons[0].hint)
        raise CannotConnectError(
            "None of the NATS servers could be connected to. " + " ".join(reason.message for reason in reasons),
            hint=reasons[0].hint,
        )

    def _connected(self, address: Address, deadline: Deadline) -> Wire:
        seconds = deadline.remaining(self._connect_timeout)
        end = time.monotonic() + seconds
        try:
            plain = connect(address.host, address.port, max(seconds, 0.1))
        except OSError as error:
            raise CannotConnectError(
                f"NATS at {address} cannot be reached: {_reason(error)}.",
                hint="Check host, port and firewall, and that the server runs; nothing has been changed.",
            ) from None
        try:
            return self._introduced(plain, address, deadline, end)
        except BaseException:
            plain.close()
            raise

    def _introduced(self, plain: socket.socket, address: Address, deadline: Deadline, end: float) -> Wire:
        transport: Transport = PlainTransport(plain)
        wire = Wire(transport, str(address), lambda: deadline.check(f"Connecting to NATS at {address}"))
        info = wire.read_info(end - time.monotonic())
        if info is None:
            raise CannotConnectError(
                f"NATS at {address} took the connection and then said nothing for {self._connect_timeout:g} s.",
                hint=(
                    "Check the port: another service may listen there, or a server that wants TLS at once "
                    "(handshake_first)."
                ),
            )
        if address.tls or info.get("tls_required") or (info.get("tls_available") and any(self._tls_files)):
            transport = self._secured(plain, address, info, wire.has_unread, end)
            wire = Wire(transport, str(address), wire.on_wait)
            wire.info.update(info)
        self._sign_in(wire, address, end)
        return wire

    def _secured(
        self, plain: socket.socket, address: Address, info: t.Mapping[str, t.Any], has_unread: bool, end: float
    ) -> Transport:
        if not info.get("tls_required") and not info.get("tls_available"):
            raise CannotConnectError(
                f"NATS at {address} does not offer TLS.",
                hint="Write nats:// instead of tls://, or enable TLS in the server's configuration.",
            )
        if has_unread:
            raise CannotConnectError(
                f"NATS at {address} went on before TLS began; somebody may have tampered with the connection."
            )
        context = self._tls_context()
        try:
            plain.settimeout(max(end - time.monotonic(), 0.1))
            return TlsTransport(context.wrap_socket(plain, server_hostname=address.host))
        except OSError as error:  # ssl.SSLError is one
            raise CannotConnectError(
                f"TLS with NATS at {address} failed: {_reason(error)}.",
                hint=(
                    "Check tls_ca_file, the name in the server's certificate, and tls_cert_file if the server wants a "
                    "client's."
                ),
            ) from None

    def _tls_context(self) -> ssl.SSLContext:
        ca_file, cert_file, key_file = self._tls_files
        try:
            context = ssl.create_default_context(cafile=ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if cert_file:
                context.load_cert_chain(cert_file, key_file or None)
        except OSError as error:
            named = (
                f"tls_ca_file {ca_file or '(none)'}, tls_cert_file {cert_file or '(none)'}, tls_key_file "
                f"{key_file or '(none)'}"
            )
            raise OptionError(f"The TLS files cannot be used: {_reason(error)} ({named}).") from None
        return context

    def _sign_in(self, wire: Wire, address: Address, end: float) -> None:
        fields = {
            "verbose": False,
            "pedantic": False,
            "tls_required": False,
            "name": _NAME,
            "lang": "python",
            "version": "1",
            "protocol": 1,
            "headers": True,
            "no_responders": True,
            "echo": True,
            **self._credentials.fields(str(wire.info.get("nonce") or "")),
        }
        wire.command(b"CONNECT " + json.dumps(fields).encode())
        try:
            answered = wire.round_trip(max(end - time.monotonic(), 0.1))
        except ServerError as error:
            if wire.info.get("tls_verify") and not self._tls_files[1]:
                raise CannotConnectError(
                    f"NATS at {address} wants a client's certificate.", hint="Give tls_cert_file and tls_key_file."
                ) from None
            raise _not_let_in(address, error) from None
        if answered is None:
            raise CannotConnectError(
                f"NATS at {address} did not answer within {self._connect_timeout:g} s.",
                hint="Look at the server's log.",
            )


def connection_from_options(options: t.Mapping[str, t.Any]) -> Connection:
    """The connection that the module's options describe.

    Raises OptionError naming the option, and never showing a secret.
    """
    texts = [options["url"]] if options.get("url") else list(options.get("servers") or ())
    option = "url" if options.get("url") else "servers"
    addresses, from_url = [], None
    for text in (part.strip() for whole in texts for part in str(whole).split(",")):
        address, found = parse_url(option, text)
        addresses.append(address)
        from_url = from_url or found
    if not addresses:
        raise OptionError("url: it is needed to reach the NATS server.", hint="Write nats://host:4222")
    return Connection(
        addresses,
        _credentials_of(options) or from_url,
        **{name: str(options.get(name) or "") for name in ("tls_ca_file", "tls_cert_file", "tls_key_file", "domain")},
        inbox_prefix=_inbox_prefix(str(options.get("inbox_prefix") or "_INBOX")),
        connect_timeout=float(options.get("connect_timeout") or 10.0),
    )


def parse_url(option: str, text: str) -> tuple[Address, Credentials | None]:
    """One server's address, and who we are if the URL says so: ``user:password@``, or ``token@``."""
    parts = urllib.parse.urlsplit(text if "://" in text else f"nats://{text}")
    try:
        port = parts.port or _PORT
    except ValueError:
        port = 0
    if (
        parts.scheme not in _SCHEMES
        or not parts.hostname
        or not port
        or parts.path.strip("/")
        or parts.query
        or text.count("@") > 1
    ):
        raise OptionError(
            f"{option}: it is no URL of a NATS server.",
            hint="Write nats://user:password@host:4222 or tls://host:4222; characters such as @ / : ? # % in a "
            "password must be "
            "percent-encoded (use the urlencode filter), or use the option password.",
        )
    address = Address(parts.hostname, port, parts.scheme == "tls")
    if not parts.username:
        return address, None
    user = urllib.parse.unquote(parts.username)
    return address, Token(user) if parts.password is None else Password(user, urllib.parse.unquote(parts.password))


def _credentials_of(options: t.Mapping[str, t.Any]) -> Credentials | None:
    if options.get("credentials_file"):
        return CredentialsFile(str(options["credentials_file"]))
    if options.get("nkey_seed_file"):
        return NkeySeed(str(options["nkey_seed_file"]))
    if options.get("token"):
        return Token(str(options["token"]))
    if options.get("user"):
        return Password(str(options["user"]), str(options.get("password") or ""))
    return None


def _inbox_prefix(text: str) -> str:
    if not re.fullmatch(r"[^\s.*>]+(\.[^\s.*>]+)*", text):
        raise OptionError(
            f"inbox_prefix: {text!r} is no subject that inboxes can begin with.", hint="Write it as _INBOX_backup."
        )
    return text


def _not_let_in(address: Address, error: ServerError) -> LifeboatError:
    text = error.message.lower()
    if "authorization" in text or "authentication" in text:
        return CannotConnectError(
            f"NATS at {address} does not let us in: the user, password, token, nkey or credentials are not those of "
            "one of its users.",
            hint="Check them, and that a credentials file has not expired or been revoked; nothing has been changed.",
        )
    return CannotConnectError(
        f"NATS at {address} ended the connection at once. {error.message}", hint="Look at the server's log."
    )


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, socket.timeout):
        return "there was no answer in time"
    return error.strerror or str(error) or type(error).__name__
