# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The connection of an S3 repository: its settings, its client, and requests that are tried again within limits."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import functools
import hashlib
import os
import random
import threading
import time
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import missing_library
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._answers import (
    UnreadableAnswerError,
    watch,
    while_reading,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import (
    S3Error,
    code_and_status,
    is_temporary,
    other_region,
    reason_and_hint,
)

if t.TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client

T = t.TypeVar("T")

_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 20.0

S3_CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "region": {"type": "str"},
    "endpoint_url": {"type": "str"},
    "access_key": {"type": "str", "no_log": False},  # an identifier, and needed to find out which key was refused
    "secret_key": {"type": "str", "no_log": True},
    "session_token": {"type": "str", "no_log": True},
    "profile": {"type": "str"},
    "addressing_style": {"type": "str", "choices": ["auto", "path", "virtual"], "default": "auto"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_bundle": {"type": "path"},
    "connect_timeout": {"type": "float", "default": 10},
    "read_timeout": {"type": "float", "default": 60},
    "request_time_limit": {"type": "float", "default": 600},
    "retries": {"type": "int", "default": 7},
}
"""How an S3 server is reached.

The documentation fragments ``lifeboat.dr.repository`` and ``lifeboat.dr.s3_sides`` describe it.
"""


@dataclasses.dataclass(frozen=True)
class S3Settings:
    """Where an S3 repository is and how it is talked to.

    Names, meanings and defaults are those of the modules' options.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = dataclasses.field(default=None, repr=False)
    session_token: str | None = dataclasses.field(default=None, repr=False)
    profile: str | None = None
    storage_class: str | None = None
    transitions: t.Sequence[t.Mapping[str, t.Any]] | None = None
    server_side_encryption: str | None = None
    kms_key_id: str | None = None
    checksum_mode: str = "when_supported"
    read_back: str = "size"
    addressing_style: str = "auto"
    validate_certs: bool = True
    ca_bundle: str | None = None
    connect_timeout: float = 10
    read_timeout: float = 60
    request_time_limit: float = 600
    retries: int = 7
    time_limit: float = 0  # of all requests together, from the connection's beginning; 0 is none

    @property
    def name(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"

    @property
    def endpoint(self) -> str:
        """Where the server is, for messages."""
        return self.endpoint_url or f"Amazon S3{f' in {self.region}' if self.region else ''}"

    def scrub(self, text: str) -> str:
        """The text without the secrets of these settings.

        Shorter than 8 characters is none that a server takes, and could be any word.
        """
        for secret in (self.secret_key, self.session_token):
            if secret and len(secret) >= 8:
                text = text.replace(secret, "***")
        return text

    def check(self) -> None:
        """Raises OptionError on a value that cannot be right on any host."""
        if not self.bucket or "/" in self.bucket:
            raise OptionError(
                f"bucket: {self.bucket!r} is not a bucket name.", hint="Put the path inside the bucket into prefix."
            )
        if (self.access_key is None) != (self.secret_key is None):
            raise OptionError(
                "access_key and secret_key belong together.",
                hint="Set both, or none of them to use profile or the environment.",
            )
        if self.endpoint_url is not None:
            _check_endpoint(self.endpoint_url)


def _check_endpoint(endpoint_url: str) -> None:
    try:
        address = urllib.parse.urlsplit(endpoint_url)
        well_formed = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        well_formed = False
    if not well_formed:
        raise OptionError(
            "endpoint_url is not the address of a server.", hint="Write it like https://s3.example.com:9000."
        )
    if address.username or address.password or address.query or address.fragment:
        raise OptionError(
            f"endpoint_url for {address.hostname} holds more than an address.",
            hint="Put credentials into access_key and secret_key.",
        )


class Limit:
    """How long a request and its repetitions may go on: a time, and a stop that another thread may give."""

    def __init__(self, seconds: float, stopped: threading.Event | None = None, *, of_all: bool = False) -> None:
        """``of_all`` says that it is what all requests together have left."""
        self.seconds = seconds
        self.of_all = of_all
        self._stopped = stopped or threading.Event()
        self._end = time.monotonic() + seconds

    @property
    def stopped(self) -> bool:
        """Whether another thread has given the stop."""
        return self._stopped.is_set()

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def check(self) -> None:
        """Raise TimeoutError when it is over.

        Called before each piece of a body, it ends a request that is on its way.
        """
        if self.stopped or self.over:
            raise TimeoutError

    def wait(self, seconds: float) -> bool:
        """Wait; False at once when the limit would be over then, or when it is stopped meanwhile."""
        return time.monotonic() + seconds < self._end and not self._stopped.wait(seconds)


class S3Connection:
    """Makes requests to one bucket, again while a fault may pass, and puts errors into words."""

    def __init__(self, settings: S3Settings, client_of: t.Callable[[S3Settings], S3Client] | None = None) -> None:
        """``client_of`` makes the client when it is first needed; by default a real one. Raises OptionError."""
        settings.check()
        self.settings = settings
        self._client_of = client_of or make_client
        self._client: S3Client | None = None
        self._lock = threading.Lock()
        self._end = time.monotonic() + settings.time_limit if settings.time_limit else None

    @property
    def client(self) -> S3Client:
        """The client. Raises MissingRequirementError or OptionError when there can be none."""
        with self._lock:
            if self._client is None:
                self._client = self._client_of(self.settings)
            return self._client

    def limit(self, stopped: threading.Event | None = None) -> Limit:
        """The limit of one request by the settings, and by what is left for all of them."""
        left = None if self._end is None else max(0.0, self._end - time.monotonic())
        if left is not None and left < self.settings.request_time_limit:
            return Limit(left, stopped, of_all=True)
        return Limit(self.settings.request_time_limit, stopped)

    def call(
        self,
        what: str,
        request: t.Callable[[S3Client], T],
        *,
        state: str = "",
        unanswered: str = "",
        limit: Limit | None = None,
        attempts: int | None = None,
    ) -> T:
        """The result of ``request``, which is made again while the fault may pass.

        ``what`` begins the message of the S3Error raised at the end, and ``state`` says in it what is stored now;
        ``unanswered`` says it when no answer came. A server that falls silent at the very end of ``limit`` costs one
        read time limit more.
        """
        limit = limit or self.limit()
        most = attempts or self.settings.retries + 1
        client, began, attempt = self.client, time.monotonic(), 0
        while True:
            attempt += 1
            try:
                limit.check()
                return _answered(request, client)
            except client_errors() as error:
                again = attempt < most and is_temporary(error, attempt) and not limit.stopped
                if not (again and limit.wait(wait_seconds(attempt))):
                    raise self._failed(
                        what, error, attempt, time.monotonic() - began, state, unanswered, limit
                    ) from None

    def _failed(
        self, what: str, error: BaseException, attempts: int, seconds: float, state: str, unanswered: str, limit: Limit
    ) -> S3Error:
        code, status = code_and_status(error)
        code = self.settings.scrub(code)
        reason, hint = reason_and_hint(error, self.settings.scrub)
        if limit.stopped:
            reason, hint = "it was stopped", "Another part of the same work failed: look at its error."
        elif limit.over and limit.of_all:
            reason = f"{reason}, and the time limit of {self.settings.time_limit:g} s for all requests is over"
            hint = "Raise time_limit, or find out what makes the endpoint slow."
        elif limit.over:
            reason += f", and the limit of {limit.seconds:g} s is over"
            hint = hint or "Raise request_time_limit, or find out what makes the endpoint slow."
        tries = f" after {attempts} attempts in {seconds:.0f} s" if attempts > 1 else ""
        message = f"{what} at {self._endpoint()} failed{tries}: {reason}. {state if status else unanswered or state}"
        region = other_region(error)
        return S3Error(message.rstrip(), hint=hint, code=code, status=status, attempts=attempts, region=region)

    def _endpoint(self) -> str:
        """Where the request went: ``AWS_ENDPOINT_URL`` and a profile can name another server than Amazon's."""
        url = str(getattr(getattr(self._client, "meta", None), "endpoint_url", ""))
        elsewhere = url.startswith("http") and ".amazonaws." not in url
        return url if elsewhere and not self.settings.endpoint_url else self.settings.endpoint


def _answered(request: t.Callable[[S3Client], T], client: S3Client) -> T:
    """The result; botocore's own exceptions over what it cannot read in an answer become one kind."""
    try:
        return request(client)
    except client_errors():
        raise
    except Exception as error:
        if not while_reading(error):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UnreadableAnswerError(f"something in it cannot be read ({text})") from None


def make_client(settings: S3Settings, connections: int = 32) -> S3Client:
    """A client that makes each request once: repeating is ours, so that a stop or a time limit ends it at once.

    Checksums are given with each request, as a header: what botocore adds by itself since boto3 1.36 is a trailer,
    which many servers refuse or even store (boto3 issues 4398, 4409, 4435). ``connections`` is how many are kept open
    for the next request.
    """
    client = make_service_client(
        settings,
        "s3",
        max_pool_connections=connections,
        s3={"addressing_style": settings.addressing_style, "payload_signing_enabled": True},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        signature_version="s3v4",
    )
    client.meta.events.register("before-call.s3.DeleteObjects", _add_content_md5)
    watch(client)
    return t.cast("S3Client", client)


@functools.lru_cache(maxsize=4)
def _loader(data_path: str | None) -> t.Any:
    """What reads botocore's descriptions of services, and keeps them: 10 MB for S3, which both sides of a pair can
    share.
    """
    import botocore.loaders

    return botocore.loaders.create_loader(data_path)


def make_service_client(settings: S3Settings, service: str, *, region: str | None = None, **config: t.Any) -> t.Any:
    """A client of any service that answers at the endpoint of these settings, in ``region`` where it is given.

    botocore's session makes the same client as boto3's, in half the time. ``config`` is more of botocore's ``Config``.
    Raises MissingRequirementError or OptionError.
    """
    try:
        import botocore.session
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise missing_library("boto3", "S3", error) from None
    if settings.ca_bundle is not None and not os.path.isfile(settings.ca_bundle):
        raise OptionError(
            f"ca_bundle: {settings.ca_bundle} is not a file on this host.", hint="Give a file of PEM certificates."
        )
    try:
        session = botocore.session.Session(profile=settings.profile)
        session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
        session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=parse_time)
        region = region or settings.region or session.get_config_variable("region")
        return session.create_client(
            t.cast(t.Any, service),
            region_name=region or ("us-east-1" if settings.endpoint_url else None),
            endpoint_url=settings.endpoint_url,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            aws_session_token=settings.session_token,
            verify=settings.ca_bundle or (None if settings.validate_certs else False),
            config=_client_config(settings, config),
        )
    except BotoCoreError as error:
        raise OptionError(
            f"There can be no connection to {settings.name}: {settings.scrub(str(error))}.",
            hint="Correct profile, region or endpoint_url.",
        ) from None


def parse_time(value: t.Any) -> datetime.datetime:
    """A point in time in an answer, with its zone. S3 writes ``2026-01-15T02:00:00.000Z``, which the standard library
    reads in a fortieth of the time that botocore takes, and a page of a listing has a thousand of them; all else is
    left to botocore.

    Raises ValueError for what is no time.
    """
    if isinstance(value, str) and value[10:11] == "T" and value.endswith("Z"):
        with contextlib.suppress(ValueError):
            return datetime.datetime.fromisoformat(value[:-1] + "+00:00")
    from botocore.utils import parse_timestamp

    return parse_timestamp(value)


def _client_config(settings: S3Settings, more: dict[str, t.Any]) -> Config:
    from botocore.config import Config

    longest = min(settings.request_time_limit, settings.time_limit or settings.request_time_limit)
    return Config(
        connect_timeout=min(settings.connect_timeout, longest),
        read_timeout=min(settings.read_timeout, longest),
        retries={"mode": "standard", "total_max_attempts": 1},
        tcp_keepalive=True,
        user_agent_extra="lifeboat.dr",
        **more,
    )


def _add_content_md5(params: dict[str, t.Any], **_kwargs: t.Any) -> None:
    """Many S3-compatible servers demand Content-MD5 here, which botocore no longer sends."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


def client_errors() -> tuple[type[Exception], ...]:
    """What a request or the reading of an answer may raise because of the server or the network."""
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError, OSError, UnreadableAnswerError


def wait_seconds(attempt: int) -> float:
    """How long to wait after this many failed attempts: twice as long each time, and never quite the same for two
    clients.
    """
    return min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1)
