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
import time
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._api import (
    AccountInfo,
    ConsumerInfo,
    StreamInfo,
    paged,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._errors_of_server import (
    STREAM_NOT_FOUND,
    ConnectionLostError,
    JetStreamError,
    ServerError,
    no_answer,
    no_responders,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._versions import version_text
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client._wire import Delivery, Wire

__all__ = ["AccountInfo", "ConsumerInfo", "Session", "StreamInfo", "decoded", "token", "version_numbers"]

REQUEST_SECONDS = 15.0
_RTT_SECONDS = 5.0
_ALL = b"1"  # the only subscription of a session by itself: all of its inboxes


class Session:
    """One connection. Requests may come from several threads, one after the other; a transfer takes the whole session
    for itself.

    ``reopen`` gives a new connection when the server has ended this one while nothing was asked of it (it does so to
    clients that do not answer its pings); a connection that is lost while it is used is an error.
    """

    def __init__(
        self,
        wire: Wire,
        reopen: t.Callable[[], Wire],
        deadline: Deadline,
        *,
        domain: str = "",
        inbox_prefix: str = "_INBOX",
    ) -> None:
        self.wire = wire
        self.deadline = deadline
        self.inbox_prefix = inbox_prefix
        self.api_prefix = f"$JS.{domain}.API" if domain else "$JS.API"
        self._domain = domain
        self._level: int | None = None
        self.inbox = f"{inbox_prefix}.{secrets.token_hex(11)}"  # its messages are those of this session
        self._reopen = reopen
        self._asking = threading.RLock()
        self._requests = 0
        self._last_subscription = 1
        self._subscriptions: set[int] = set()
        self._begin()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. May be called twice, and from another thread."""
        self.wire.close()

    # --- the server ---

    @property
    def is_elsewhere(self) -> bool:
        """Whether the streams are on other servers than the one that we are connected to: in a JetStream domain that is
        not its own.
        """
        return self._domain not in ("", self.wire.info.get("domain"))

    @property
    def server_version_text(self) -> str:
        """As the server tells it: ``2.14.6``, ``2.15.0-dev``. Of streams that are elsewhere what is known of their
        servers: ``2.12.5+``.

        Raises ServerError when nobody answers there.
        """
        text = str(self.wire.info.get("version") or "")
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
        return int(self.wire.info.get("max_payload") or 1 << 20)

    @property
    def cluster(self) -> bool:
        """Whether the server that we are connected to is one of a cluster."""
        return bool(self.wire.info.get("cluster"))

    @property
    def connected_to(self) -> str:
        """``host:port``, and the server's name."""
        name = str(self.wire.info.get("server_name") or "")
        return f"{self.wire.server} ({name})" if name else self.wire.server

    def round_trip(self) -> float:
        """Seconds that a message takes to the server and back."""
        with self._asking:
            self._refresh()
            measured = self.wire.round_trip(_RTT_SECONDS)
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
        delivery = self.ask(subject, payload, timeout=timeout, what=what)
        if delivery.status[0] == "503":
            raise no_responders(what, subject)
        return decoded(what, delivery.data)

    def ask(
        self,
        subject: str,
        payload: bytes,
        *,
        timeout: float = REQUEST_SECONDS,
        what: str = "",
        aside: t.Callable[[Delivery], None] = lambda delivery: None,
    ) -> Delivery:
        """The first message that answers, whatever it holds. ``aside`` gets the others that come before it."""
        with self._asking:
            self._refresh()
            self._requests += 1
            reply = f"{self.inbox}.{self._requests}".encode()
            end = time.monotonic() + timeout
            self.wire.publish(subject.encode(), payload, reply)
            while True:
                delivery = self.wire.read(max(0.0, end - time.monotonic()))
                if delivery is None:
                    raise no_answer(what or subject, timeout)
                if delivery.subject == reply:
                    return delivery
                aside(delivery)  # it may be a late answer to an older request

    def subscribe(self, subject: str) -> int:
        """Ask for the messages of a subject, over those of ``inbox`` that come anyway.

        They come out of ``wire.read``.
        """
        with self._asking:
            self._last_subscription += 1
            number = self._last_subscription
            self.wire.command(f"SUB {subject} {number}".encode())
            self._subscriptions.add(number)
        return number

    def unsubscribe(self, number: int) -> None:
        """The end of it."""
        with self._asking:
            self._subscriptions.discard(number)
            self.wire.command(b"UNSUB %d" % number)

    def _begin(self) -> None:
        self.wire.on_wait = lambda: self.deadline.check("Waiting for NATS")
        self.wire.command(f"SUB {self.inbox}.> ".encode() + _ALL)

    def _refresh(self) -> None:
        """Answer the server's pings that came meanwhile.

        One that has ended the connection meanwhile is connected to again.
        """
        if not self.wire.closed:
            try:
                while self.wire.read(0) is not None:
                    pass
                return
            except ConnectionLostError:
                if self._subscriptions:
                    raise
        self.wire.close()
        self.wire = self._reopen()
        self._begin()

    # --- what the account holds ---

    def account(self) -> AccountInfo:
        """Use and limits of JetStream in this account."""
        return AccountInfo.from_answer(self.api("INFO", what="The account's JetStream limits"))

    def stream_names(self) -> list[str]:
        """Names of all streams, page by page, sorted."""
        return sorted(str(name) for name in paged(self.api, "STREAM.NAMES", "streams"))

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

    def create_stream(self, config: t.Mapping[str, t.Any]) -> StreamInfo:
        """Make a stream from its raw configuration."""
        name = str(config["name"])
        return StreamInfo(self.api(f"STREAM.CREATE.{token('stream', name)}", config, what=f"Making stream {name}"))

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
        answer = json.loads(payload)
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
