# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""A session with one account of a NATS server: requests and their answers, and the messages that come."""

from __future__ import annotations

import json
import re
import secrets
import threading
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._api import (
    AccountInfo,
    ConsumerInfo,
    StreamInfo,
    paged,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._channel import Channel
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    STREAM_NOT_FOUND,
    JetStreamError,
    ServerError,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._versions import version_text

__all__ = ["AccountInfo", "ConsumerInfo", "Session", "StreamInfo", "decoded", "token", "version_numbers"]

REQUEST_SECONDS = 15.0
_RTT_SECONDS = 5.0


class Session:
    """One connection. Requests may come from several threads; a transfer takes what comes out of ``channel.read``.

    ``connect`` gives a connection: the first one, and a new one when the server has ended that while nothing was asked
    of it; a connection that is lost while it is used is an error.
    """

    def __init__(
        self,
        connect: t.Callable[[], Channel],
        deadline: Deadline,
        *,
        domain: str = "",
        inbox_prefix: str = "_INBOX",
    ) -> None:
        self.deadline = deadline
        self.inbox_prefix = inbox_prefix
        self.api_prefix = f"$JS.{domain}.API" if domain else "$JS.API"
        self._domain = domain
        self._level: int | None = None
        self.inbox = f"{inbox_prefix}.{secrets.token_hex(11)}"  # its messages are those of this session
        self._connect = connect
        self._connecting = threading.Lock()
        self._subscriptions = 0
        self.channel = self._connected()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. May be called twice, and from another thread."""
        self.channel.close()

    # --- the server ---

    @property
    def is_elsewhere(self) -> bool:
        """Whether the streams are on other servers than the one that we are connected to: in a JetStream domain that is
        not its own.
        """
        return self._domain not in ("", self.channel.info.get("domain"))

    @property
    def server_version_text(self) -> str:
        """As the server tells it: ``2.14.6``, ``2.15.0-dev``. Of streams that are elsewhere what is known of their
        servers: ``2.12.5+``.

        Raises ServerError when nobody answers there.
        """
        text = str(self.channel.info.get("version") or "")
        if not self.is_elsewhere:
            return text
        if self._level is None:
            self._level = int((self.account().raw.get("api") or {}).get("level") or 0)
        return version_text(self._level, version_numbers(text), text)

    @property
    def server_version(self) -> tuple[int, int, int]:
        """Its numbers; (0, 0, 0) when it tells none."""
        return version_numbers(self.server_version_text)

    @property
    def max_payload(self) -> int:
        """The largest message that may be published, in bytes."""
        return int(self.channel.info.get("max_payload") or 1 << 20)

    @property
    def cluster(self) -> bool:
        """Whether the server that we are connected to is one of a cluster."""
        return bool(self.channel.info.get("cluster"))

    @property
    def connected_to(self) -> str:
        """``host:port``, and the server's name."""
        name = str(self.channel.info.get("server_name") or "")
        return f"{self.channel.server} ({name})" if name else self.channel.server

    def round_trip(self) -> float:
        """Seconds that a message takes to the server and back."""
        measured = self._used().round_trip(_RTT_SECONDS)
        return _RTT_SECONDS if measured is None else measured

    # --- requests ---

    def api(
        self, verb: str, body: t.Mapping[str, t.Any] | None = None, *, timeout: float = REQUEST_SECONDS, what: str = ""
    ) -> dict[str, t.Any]:
        """The answer to a request of the JetStream API, for instance ``STREAM.INFO.orders``, as the server gave it.

        Raises JetStreamError when the answer is an error, NoAnswerError, MissingPermissionError, ConnectionLostError,
        DeadlineError.
        """
        return self.request(f"{self.api_prefix}.{verb}", body, timeout=timeout, what=what or verb)

    def request(
        self,
        subject: str,
        body: t.Mapping[str, t.Any] | None = None,
        *,
        timeout: float = REQUEST_SECONDS,
        what: str = "",
    ) -> dict[str, t.Any]:
        """The same on any subject. ``what`` names the work in errors."""
        what = what or subject
        payload = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        return decoded(what, self.ask(subject, payload, timeout=timeout, what=what))

    def ask(
        self,
        subject: str,
        payload: bytes,
        *,
        timeout: float = REQUEST_SECONDS,
        what: str = "",
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """The same, whatever the request and the answer hold."""
        return self._used().ask(subject, payload, timeout, what or subject, headers)

    def subscribe(self, subject: str) -> t.Any:
        """Ask for the messages of a subject, over those of ``inbox`` that come anyway.

        They come out of ``channel.read``. Gives what ends it.
        """
        subscription = self._used().subscribe(subject)
        self._subscriptions += 1
        return subscription

    def unsubscribe(self, subscription: t.Any) -> None:
        """The end of it."""
        self._subscriptions -= 1
        self.channel.unsubscribe(subscription)

    def _connected(self) -> Channel:
        channel = self._connect()
        channel.on_wait = lambda: self.deadline.check("Waiting for NATS")
        channel.subscribe(f"{self.inbox}.>")
        return channel

    def _used(self) -> Channel:
        """The connection; a new one where the server has ended it while nothing was asked of it."""
        with self._connecting:
            if self.channel.is_lost and not self._subscriptions:
                self.channel = self._connected()
            return self.channel

    # --- what the account holds ---

    def account(self) -> AccountInfo:
        """Use and limits of JetStream in this account."""
        return AccountInfo.from_answer(self.api("INFO", what="The account's JetStream limits"))

    def streams(self, without: t.Callable[[str], bool] = lambda name: False) -> list[StreamInfo]:
        """All streams, page by page, sorted by name. Raises NoAnswerError when some gave no answer (offline in a
        cluster).

        Those of a name that is ``without`` may be left out then.
        """
        raws = paged(self.api, "STREAM.LIST", "streams", without=without)
        return sorted((StreamInfo(raw) for raw in raws), key=lambda info: info.name)

    def stream(self, name: str, *, deleted: bool = False) -> StreamInfo | None:
        """One stream; None when there is none of this name.

        ``deleted`` asks for the sequences of the deleted messages, too.
        """
        body = {"deleted_details": True} if deleted else None
        try:
            return StreamInfo(self.api(f"STREAM.INFO.{token('stream', name)}", body, what=f"Stream {name}"))
        except JetStreamError as error:
            if error.err_code == STREAM_NOT_FOUND:
                return None
            raise

    def consumers(self, stream: str) -> list[ConsumerInfo]:
        """All consumers of a stream, page by page, sorted by name."""
        verb, what = f"CONSUMER.LIST.{token('stream', stream)}", f"Consumers of stream {stream}"
        return sorted(
            (ConsumerInfo(raw) for raw in paged(self.api, verb, "consumers", what)), key=lambda info: info.name
        )

    def update_stream(self, config: t.Mapping[str, t.Any]) -> StreamInfo:
        """Change a stream to this whole raw configuration."""
        name = str(config["name"])
        return StreamInfo(self.api(f"STREAM.UPDATE.{token('stream', name)}", config, what=f"Changing stream {name}"))

    def delete_stream(self, name: str) -> bool:
        """Delete a stream with all it holds; False when there is none."""
        try:
            return bool(
                self.api(f"STREAM.DELETE.{token('stream', name)}", what=f"Deleting stream {name}").get("success")
            )
        except JetStreamError as error:
            if error.err_code == STREAM_NOT_FOUND:
                return False
            raise

    def create_consumer(self, stream: str, config: t.Mapping[str, t.Any]) -> ConsumerInfo:
        """Make a consumer from its raw configuration: durable when it has ``durable_name``, else with the name it
        has.
        """
        name = str(config.get("durable_name") or config.get("name") or "")
        verb = f"CONSUMER.CREATE.{token('stream', stream)}"
        verb += f".{token('consumer', name)}" if name else ""
        body = {"stream_name": stream, "config": dict(config)}
        if name and not config.get("name"):
            body["config"] = {**config, "name": name}
        return ConsumerInfo(self.api(verb, body, what=f"Making consumer {name} of stream {stream}"))

    def delete_consumer(self, stream: str, name: str) -> None:
        """Delete a consumer."""
        verb = f"CONSUMER.DELETE.{token('stream', stream)}.{token('consumer', name)}"
        self.api(verb, what=f"Deleting consumer {name} of stream {stream}")


def decoded(what: str, payload: bytes) -> dict[str, t.Any]:
    """An answer of the JetStream API. Raises JetStreamError when it holds an error."""
    try:
        answer = read_json(payload)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ServerError(f"{what}: the NATS server's answer is not JSON.", hint="Look at the server's log.")
    error = answer.get("error")
    if error:
        raise JetStreamError(what, error if isinstance(error, dict) else {"description": str(error)})
    return answer


def token(kind: str, name: str) -> str:
    """The name as one token of a subject.

    Raises OptionError when it cannot be one (server/stream.go, ``isValidName``).
    """
    if not name or re.search(r"[\s.*>/\\]", name) or not name.isprintable():
        raise OptionError(
            f"{name!r} cannot be the name of a {kind}: it is empty, or has a space or one of . * > / \\ in it."
        )
    return name


def version_numbers(text: str) -> tuple[int, int, int]:
    """The three numbers that a version begins with; (0, 0, 0) without them."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)
