# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""How to reach one account of a NATS server, and the opening of sessions with it."""

from __future__ import annotations

import asyncio
import re
import ssl
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import load_library
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client import _event_loop, _nats_client
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._channel import TICK_SECONDS, Channel
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

_PORTS = {"nats": 4222, "tls": 4222, "ws": 80, "wss": 443}
_SECURED, _WEBSOCKET = ("tls", "wss"), ("ws", "wss")
_NAME = "lifeboat.dr"
_CLOSE_SECONDS = 1.0


class Address(t.NamedTuple):
    """One server. The scheme ``tls`` demands TLS even where the server does not."""

    host: str
    port: int
    scheme: str = "nats"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """For nats-py."""
        return f"{self.scheme}://{self}"


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
            lambda: self._first(deadline),
            deadline,
            domain=self.domain,
            inbox_prefix=self.inbox_prefix,
        )

    def _first(self, deadline: Deadline) -> Channel:
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

    def _connected(self, address: Address, deadline: Deadline) -> Channel:
        channel = Channel(str(address))
        can_tls = address.scheme in _SECURED or any(self._tls_files)
        seconds = max(deadline.remaining(self._connect_timeout), 0.1)
        options = {
            **self._credentials.options(),
            "tls": self._tls_context() if can_tls else None,
            "name": _NAME,
            "inbox_prefix": self.inbox_prefix,
            "connect_timeout": seconds,
            "allow_reconnect": False,  # a transfer cannot go on where another connection has ended
        }
        if address.scheme in _WEBSOCKET:
            load_library("aiohttp", "NATS over a WebSocket")
        client = _nats_client.classes()[0](channel, wants_tls=address.scheme == "tls", can_tls=can_tls)
        channel.use(client)
        try:
            _event_loop.wait_for(
                _introduced(client, address.url, seconds, options),
                lambda: deadline.check(f"Connecting to NATS at {address}"),
                TICK_SECONDS,
            )
        except LifeboatError:
            raise
        except Exception as error:  # of nats-py, of the system, or of TLS
            raise self._explained(address, error, client) from None
        return channel

    def _explained(self, address: Address, error: Exception, client: t.Any) -> LifeboatError:
        """What kept us from connecting, and what to do."""
        found = self._refused(address, error, client.info)
        if found is not None:
            return found
        in_time = not isinstance(error, (asyncio.TimeoutError, _nats_client.classes()[1].TimeoutError))
        if not client.reached:
            return CannotConnectError(
                f"NATS at {address} cannot be reached: {_reason(error) if in_time else 'there was no answer in time'}.",
                hint="Check host, port and firewall, and that the server runs; nothing has been changed.",
            )
        if not client.info and not in_time:
            return CannotConnectError(
                f"NATS at {address} took the connection and then said nothing for {self._connect_timeout:g} s.",
                hint=(
                    "Check the port: another service may listen there, or a server that wants TLS at once "
                    "(handshake_first)."
                ),
            )
        if not client.info:
            return CannotConnectError(f"{address} does not speak the NATS protocol.", hint="Check host and port.")
        if not in_time:
            return CannotConnectError(
                f"NATS at {address} did not answer within {self._connect_timeout:g} s.",
                hint="Look at the server's log.",
            )
        return CannotConnectError(
            f"NATS at {address} ended the connection at once: {_reason(error)}.", hint="Look at the server's log."
        )

    def _refused(self, address: Address, error: Exception, info: t.Mapping[str, t.Any]) -> CannotConnectError | None:
        """What a server says that does not let us in."""
        text = str(error).lower()
        if isinstance(error, _nats_client.NoTlsError):
            return CannotConnectError(
                f"NATS at {address} does not offer TLS.",
                hint="Write nats:// instead of tls://, or enable TLS in the server's configuration.",
            )
        if isinstance(error, ssl.SSLCertVerificationError) or (
            isinstance(error, ssl.SSLError) and (self._tls_files[1] or not info.get("tls_verify"))
        ):
            return CannotConnectError(
                f"TLS with NATS at {address} failed: {_reason(error)}.",
                hint=(
                    "Check tls_ca_file, the name in the server's certificate, and tls_cert_file if the server wants a "
                    "client's."
                ),
            )
        if info.get("tls_verify") and not self._tls_files[1]:
            return CannotConnectError(
                f"NATS at {address} wants a client's certificate.", hint="Give tls_cert_file and tls_key_file."
            )
        if "authorization" in text or "authentication" in text:
            return CannotConnectError(
                f"NATS at {address} does not let us in: the user, password, token, nkey or credentials are not those "
                "of one of its users.",
                hint=(
                    "Check them, and that a credentials file has not expired or been revoked; nothing has been changed."
                ),
            )
        return None

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


async def _introduced(client: t.Any, url: str, seconds: float, options: t.Mapping[str, t.Any]) -> None:
    """Connect and sign in, or raise what nats-py would tell its callback and then try again."""
    connected = False

    async def failed(error: Exception) -> None:
        if not connected:
            raise error

    try:
        await asyncio.wait_for(client.connect(url, error_cb=failed, **options), seconds)
        if not client.is_connected:
            raise ConnectionError("it did not say that it takes us")
        connected = True
    except BaseException:
        connected = True  # its closing tells the callback, too
        await client.end(_CLOSE_SECONDS)
        raise


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
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if (
        parts.scheme not in _PORTS
        or not parts.hostname
        or not port
        or parts.path.strip("/")
        or parts.query
        or text.count("@") > 1
    ):
        raise OptionError(
            f"{option}: it is not the URL of a NATS server.",
            hint="Write nats://user:password@host:4222 or tls://host:4222; characters such as @ / : ? # % in a "
            "password must be "
            "percent-encoded (use the urlencode filter), or use the option password.",
        )
    address = Address(parts.hostname, port, parts.scheme)
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
            f"inbox_prefix: {text!r} is not a subject that inboxes can begin with.", hint="Write it as _INBOX_backup."
        )
    return text


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    words = error.strerror if isinstance(error, OSError) else str(error).removeprefix("nats: ").strip("'")
    return words or str(error) or type(error).__name__
