# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Pages of what a bucket holds, and streams of them over a part of its keys.

A page is asked for by the key that comes before it, never by a number, so that any listing can go on from any key, in
this process or the next one. Faults of the network cost one page, asked again.
"""

from __future__ import annotations

import concurrent.futures
import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._fast_requests import FastRequests
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._parser import (
    KEY,
    LATEST,
    MODIFIED,
    BrokenPageError,
    Page,
    Row,
    parse_page,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._answers import is_error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
    from mypy_boto3_s3 import S3Client

_OBJECTS, _VERSIONS = "ListObjectsV2", "ListObjectVersions"
_PARSED = "LifeboatPage"
_EMPTIED = b"<ListBucketResult></ListBucketResult>"
_ANSWERED = 200
_here = (
    threading.local()
)  # what the requests of this thread are made for: a client is shared with others, who want botocore's own result


class Requests:
    """How many requests of each kind were made. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = {"list": 0, "head": 0, "get": 0, "put": 0, "delete": 0}

    def add(self, kind: str, count: int = 1) -> None:
        """Count requests of a kind: ``list``, ``head``, ``get``, ``put`` or ``delete``."""
        with self._lock:
            self._counts[kind] += count

    def to_dict(self) -> dict[str, int]:
        """Kind → count."""
        with self._lock:
            return dict(self._counts)


class Lister:
    """Lists one bucket below one prefix. Every method may be called from any thread.

    ``versions`` lists versions and delete markers instead of objects; ``stopped`` ends the waiting for a next attempt.
    Raises what
    ``Side.call`` raises.
    """

    def __init__(
        self,
        side: Side,
        prefix: str,
        requests: Requests,
        *,
        versions: bool = False,
        short_way: bool = True,
        stopped: threading.Event | None = None,
    ) -> None:
        self.side = side
        self.prefix = prefix
        self.versions = versions
        self._requests = requests
        self._stopped = stopped
        self._short_way = short_way
        self._lock = threading.Lock()
        self._wire: FastRequests | None = None

    def page_after(
        self, key: bytes | None, token: str | None = None, version_marker: str | None = None, count: int = 1000
    ) -> Page:
        """At most ``count`` entries that come after ``key``; ``token`` and ``version_marker`` are of the page before,
        if there is one.
        """
        query: dict[str, str | bytes] = {"encoding-type": "url", "max-keys": str(count), "prefix": self.prefix}
        if self.versions:
            query["versions"] = ""
            if key is not None:
                query["key-marker"] = key
            if version_marker:
                query["version-id-marker"] = version_marker
        else:
            query["list-type"] = "2"
            if token:
                query["continuation-token"] = token
            elif key is not None:
                query["start-after"] = key
        return self._page(query)

    def folders(self, prefix: str) -> Page:
        """The names that continue ``prefix`` up to the next slash: ``prefixes`` of one page."""
        return self._page(
            {"encoding-type": "url", "max-keys": "1000", "prefix": prefix, "delimiter": "/", "list-type": "2"}
        )

    def stream(self, after: bytes | None = None) -> Stream:
        """All entries after ``after``, page by page."""
        return Stream(self, after)

    def _page(self, query: dict[str, str | bytes]) -> Page:
        """Raises RepositoryError for entries that were not asked for: they are of somebody else."""
        page = self._asked(query)
        prefix = str(query["prefix"]).encode("utf-8", "surrogateescape")
        for row in page.rows:
            if not row[KEY].startswith(prefix):
                raise RepositoryError(
                    f"{self.side.name} was asked for what begins with {show(prefix)}, and listed {show(row[KEY])}.",
                    hint="This server does not list as S3 does. Nothing was changed.",
                )
        return page

    def _asked(self, query: dict[str, str | bytes]) -> Page:
        self._requests.add("list")
        with self._lock:
            wire = self._wire
        if wire is not None and wire.open:
            body = wire.get(query)
            if body is not None:
                try:
                    return parse_page(body)
                except BrokenPageError:
                    pass  # asked again, the long way
            self._requests.add("list")
        return self.side.call(
            "Listing", lambda client: self._ask(client, query), limit=self.side.connection.limit(self._stopped)
        )

    def _ask(self, client: S3Client, query: dict[str, str | bytes]) -> Page:
        """Through botocore.

        The parser of this collection gets the page before botocore's does, which then has nothing to do.
        """
        with self._lock:
            if self._wire is None:
                client.meta.events.register_first("before-parse.*.*", _before_parse, unique_id="lifeboat-listing")
                for operation in (_OBJECTS, _VERSIONS):
                    client.meta.events.register(
                        f"before-send.s3.{operation}", _before_send, unique_id=f"lifeboat-send-{operation}"
                    )
                self._wire = FastRequests(client)
        parameters = {_PARAMETERS[name]: _typed(name, value) for name, value in query.items() if name in _PARAMETERS}
        _here.wire = self._wire if self._short_way else None
        _here.listing = True
        try:
            call = client.list_object_versions if "versions" in query else client.list_objects_v2
            answer = t.cast("dict[str, t.Any]", t.cast(t.Any, call)(Bucket=self.side.bucket, **parameters))
        finally:
            _here.listing, _here.wire = False, None
        page: Page | None = answer.get(_PARSED)
        if page is None:
            raise RepositoryError(
                f"This version of botocore does not show its answers before it reads them, so {self.side.name} cannot "
                "be listed.",
                hint="Install the boto3 that requirements.txt of the collection names.",
            )
        return page


_PARAMETERS = {
    "encoding-type": "EncodingType",
    "max-keys": "MaxKeys",
    "prefix": "Prefix",
    "delimiter": "Delimiter",
    "continuation-token": "ContinuationToken",
    "start-after": "StartAfter",
    "key-marker": "KeyMarker",
    "version-id-marker": "VersionIdMarker",
}


def _typed(name: str, value: str | bytes) -> str | int:
    if name == "max-keys":
        return int(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _before_parse(response_dict: dict[str, t.Any], customized_response_dict: dict[str, t.Any], **_more: t.Any) -> None:
    """botocore's event: whatever is in ``customized_response_dict`` comes out in the result.

    Raises BrokenPageError. An error in S3's own words is left to botocore.
    """
    if getattr(_here, "listing", False) and response_dict["status_code"] == _ANSWERED:
        try:
            customized_response_dict[_PARSED] = parse_page(response_dict["body"])
        except BrokenPageError:
            if is_error(response_dict["body"]):
                return
            raise
        response_dict["body"] = _EMPTIED


def _before_send(request: t.Any, **_more: t.Any) -> None:
    """botocore's event: the request that is sent next. A result other than None would be taken for its answer."""
    wire: FastRequests | None = getattr(_here, "wire", None)
    if wire is not None:
        wire.learn(request)


class Stream:
    """The entries of a listing after a key, page by page, strictly in order. Used by one thread at a time."""

    def __init__(self, lister: Lister, after: bytes | None) -> None:
        self._lister = lister
        self._after = after
        self._token: str | None = None
        self._marker: tuple[bytes | None, str | None] = (after, None)
        self._last_row: Row = ()  # a version marker may be inclusive
        self.ended = False
        self.last = after

    def next_rows(self) -> list[Row]:
        """The rows of the next page; empty at the end, or when a page had none.

        Raises RepositoryError on a listing out of order.
        """
        page = self._lister.page_after(self._marker[0], self._token, self._marker[1])
        rows = _in_order(page.rows)
        if rows and self._after is not None and rows[0][KEY] <= self._after:  # a server whose marker is inclusive
            rows = _after(rows, self._after)
        if rows and self._lister.versions:
            if rows[0] == self._last_row:
                rows = rows[1:]
            self._last_row = rows[-1] if rows else self._last_row
        if rows:
            if self.last is not None and (
                rows[0][KEY] < self.last or rows[0][KEY] == self.last and not self._lister.versions
            ):
                raise self._disorder(rows[0][KEY])
            self.last = rows[-1][KEY]
        before = (self._marker, self._token)
        self._advance(page)
        if not self.ended and (self._marker, self._token) == before:
            raise self._disorder(self.last or b"")
        return rows

    def _advance(self, page: Page) -> None:
        self.ended = not page.truncated
        if self._lister.versions:
            self._marker = (page.key_marker if page.key_marker is not None else self.last, page.version_marker)
        else:
            self._token = page.token
            self._marker = (self.last, None)

    def _disorder(self, key: bytes) -> RepositoryError:
        return RepositoryError(
            f"The listing of {self._lister.side.name} does not go forward after {show(self.last or b'')} (it came to "
            f"{show(key)}).",
            hint="The server does not list in the order of the keys' bytes, as S3 does, so it cannot be compared.",
        )


class Ahead:
    """A stream whose next page is asked for by another thread while the page before it is used. ``last`` and ``ended``
    are of that one.

    ``worth_while`` says, after each page, whether another one will be wanted. Used by one thread at a time.
    """

    def __init__(
        self, stream: Stream, pool: concurrent.futures.Executor, worth_while: t.Callable[[bytes | None], bool]
    ) -> None:
        self._stream = stream
        self._pool = pool
        self._worth_while = worth_while
        self._next: concurrent.futures.Future[list[Row]] | None = None
        self.ended = stream.ended
        self.last = stream.last

    @property
    def busy(self) -> bool:
        """Whether a page is being asked for."""
        return self._next is not None

    def begin(self) -> None:
        """Ask for the first page."""
        self._next = self._pool.submit(self._stream.next_rows)

    def next_rows(self) -> list[Row]:
        """As of the stream."""
        rows = self._next.result() if self._next else self._stream.next_rows()
        self.ended, self.last = self._stream.ended, self._stream.last
        self._next = (
            self._pool.submit(self._stream.next_rows) if not self.ended and self._worth_while(self.last) else None
        )
        return rows


def _after(rows: list[Row], key: bytes) -> list[Row]:
    return [row for row in rows if row[KEY] > key]


def _in_order(rows: list[Row]) -> list[Row]:
    """As the document has them. VersityGW writes delete markers first and versions after them, page by page; then time
    has to tell.

    A time to the second sorts before one of the same second with a fraction.
    """
    keys = [row[KEY] for row in rows]
    if keys == sorted(keys):
        return rows
    newest_first = sorted(rows, key=lambda row: (row[LATEST:] == (b"true",), row[MODIFIED].rstrip(b"Z")), reverse=True)
    return sorted(newest_first, key=lambda row: row[KEY])


def show(key: bytes) -> str:
    """A key for people and for JSON. Bytes that are no UTF-8 stay visible."""
    return key.decode("utf-8", "backslashreplace")
