# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""One side of a replication: the options ``source`` and ``destination`` of a module, the bucket behind them, and its
clients.

The settings, the client and the repeating of requests are those of an S3 repository; only the words and the number of
connections differ.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
import threading
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import (
    S3_CONNECTION_SPEC,
    Limit,
    S3Connection,
    S3Settings,
    make_client,
    make_service_client,
)

if t.TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = t.TypeVar("T")

SOURCE, DESTINATION = "source", "destination"

CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "bucket": {"type": "str", "required": True},
    **S3_CONNECTION_SPEC,
}
"""How one side is reached. The documentation fragment ``lifeboat.dr.s3_sides`` describes it."""


def side_spec(*, required: bool = True, **more: dict[str, t.Any]) -> dict[str, t.Any]:
    """The argument spec of the option ``source`` or ``destination``; ``more`` are options that only one module or one
    side has.
    """
    return {
        "type": "dict",
        "required": required,
        "options": {**CONNECTION_SPEC, **more},
        "required_together": [["access_key", "secret_key"]],
        "required_by": {"session_token": ["access_key"]},
    }


@dataclasses.dataclass(frozen=True)
class Side:
    """One bucket of a pair. ``role`` is ``source`` or ``destination``; ``options`` are the ones that ``side_spec`` was
    given besides.

    ``connections`` is how many requests at a time keep their connection for the next one. Nothing is touched, and no
    connection is made, before something is asked.
    """

    role: str
    settings: S3Settings
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    connections: int = 16
    connection: S3Connection = dataclasses.field(init=False, compare=False, repr=False)
    _services: dict[tuple[str, str | None], t.Any] = dataclasses.field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "connection", S3Connection(self.settings, lambda settings: make_client(settings, self.connections))
        )

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.settings.bucket

    @property
    def name(self) -> str:
        """``source s3://bucket``: how messages call it."""
        return f"{self.role} {self.settings.name}"

    @property
    def region(self) -> str | None:
        """The region that requests are signed for, as far as it is known. Makes the client. Raises LifeboatError."""
        return self.client.meta.region_name or None

    @property
    def client(self) -> S3Client:
        """The S3 client, made when it is first needed.

        One client serves all threads. Raises MissingRequirementError or OptionError.
        """
        return self.connection.client

    def service(self, service: str, region: str | None = None) -> t.Any:
        """The client of another service (``cloudwatch``, ``s3control``, ``sts``, ``iam``) of this side, in its region
        or another one.

        Raises MissingRequirementError or OptionError.
        """
        with self._lock:
            key = (service, region)
            if key not in self._services:
                self._services[key] = make_service_client(self.settings, service, region=region)
            return self._services[key]

    def call(
        self,
        what: str,
        request: t.Callable[[S3Client], T],
        *,
        state: str = "",
        limit: Limit | None = None,
        attempts: int = 0,
    ) -> T:
        """The result of ``request``, which is made again while the fault may pass.

        ``what`` begins the message of the S3Error raised at the end (the bucket is added), and ``state`` says in it
        what is stored now.
        """
        return self.connection.call(
            f"{what} ({self.name})", request, state=state, limit=limit, attempts=attempts or None
        )

    def scrub(self, text: str) -> str:
        """The text without the secrets of this side."""
        return self.settings.scrub(text)


def open_side(role: str, options: t.Mapping[str, t.Any], *, connections: int = 16, time_limit: float = 0) -> Side:
    """The side that the option ``source`` or ``destination`` describes.

    Options that are None have their default. ``time_limit`` is for who only reads: how many seconds all requests
    together may take, 0 for no limit. Raises OptionError.
    """
    given = {key: value for key, value in options.items() if key in CONNECTION_SPEC and value is not None}
    more = {key: value for key, value in options.items() if key not in CONNECTION_SPEC}
    try:
        return Side(role, S3Settings(**given, time_limit=time_limit), more, connections)
    except OptionError as error:
        raise OptionError(f"{role}: {error.message}", hint=error.hint) from None


def open_pair(
    source: t.Mapping[str, t.Any],
    destination: t.Mapping[str, t.Any],
    *,
    connections: int = 16,
    time_limit: float = 0,
) -> tuple[Side, Side]:
    """Both sides. Raises OptionError, also when they are one and the same bucket."""
    pair = (
        open_side(SOURCE, source, connections=connections, time_limit=time_limit),
        open_side(DESTINATION, destination, connections=connections, time_limit=time_limit),
    )
    if pair[0].bucket == pair[1].bucket and (same_server(*pair) or _one_address(*pair)):
        raise OptionError(
            f"source and destination are the same bucket, {pair[0].bucket}.",
            hint="Name two buckets, or the endpoint_url or the region of the other server.",
        )
    return pair


def _one_address(one: Side, other: Side) -> bool:
    """Whether two spellings lead to one port of one host: a bucket compared with itself is always the same.

    Two *names* may stand for two servers behind one address, which tells them apart by the name; an address cannot.
    """
    urls = [urllib.parse.urlsplit(side.settings.endpoint_url or "") for side in (one, other)]
    hosts = [url.hostname or "" for url in urls]
    if not all(hosts) or not any(host == "localhost" or _is_address(host) for host in hosts):
        return False
    try:
        found = [
            {
                answer[4][:2]
                for answer in socket.getaddrinfo(url.hostname, url.port or url.scheme, type=socket.SOCK_STREAM)
            }
            for url in urls
        ]
    except (OSError, ValueError, UnicodeError):  # whoever connects will say so
        return False
    return bool(found[0] & found[1])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def same_server(one: Side, other: Side) -> bool:
    """Whether the options name one server, so that it can copy between the two buckets by itself.

    A name of a bucket is unique in all of Amazon S3, so two regions of it are one server; two regions of one endpoint
    are too.
    """
    return (one.settings.endpoint_url or "").rstrip("/").lower() == (other.settings.endpoint_url or "").rstrip(
        "/"
    ).lower()
