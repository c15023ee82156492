# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The short way of a listing request: signed as the client signs, sent over the client's own connections, and nothing
else.

botocore takes 5 ms to build a request and to wrap its answer, which with 1,000 keys in a page is three times what
reading the page takes. The first request of each listing goes through botocore and shows the address, the region and
the way of signing. Requests that follow are signed by botocore's own signer and sent through the client's own pool of
connections, so credentials, proxies and certificates stay its business. Whatever is not a plain 200 is asked again
through botocore, which knows redirects and puts errors into words.
"""

from __future__ import annotations

import threading
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._answers import MOST_BYTES

if t.TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SIGNED = "AWS4-HMAC-SHA256 Credential="
_ANSWERED = 200
_KEPT_HEADERS = ("User-Agent",)


class FastRequests:
    """The short way to one bucket. Every method may be called from any thread."""

    def __init__(self, client: S3Client) -> None:
        # Both are private to botocore. Without them, in another version, everything goes the long way, and is only
        # slower.
        signer = getattr(client, "_request_signer", None)
        self._credentials = getattr(signer, "_credentials", None)
        self._session = getattr(getattr(client, "_endpoint", None), "http_session", None)
        self._lock = threading.Lock()
        self._address = ""
        self._headers: dict[str, str] = {}
        self._signing: t.Any = None

    @property
    def open(self) -> bool:
        """Whether the short way is known."""
        return bool(self._address)

    def learn(self, request: t.Any) -> None:
        """Take address and signing from a request that botocore is about to send."""
        headers = {str(name): _text(value) for name, value in request.headers.items()}
        authorization = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        usable = authorization.startswith(_SIGNED) and self._credentials is not None and self._session is not None
        if not usable or any(name.lower() == "x-amz-s3session-token" for name in headers):
            return
        _key, _date, region, service, _end = authorization[len(_SIGNED) :].partition(",")[0].rsplit("/", 4)
        with self._lock:
            self._headers = {name: value for name, value in headers.items() if name in _KEPT_HEADERS}
            self._signing = (service, region)
            self._address = request.url.partition("?")[0]

    def get(self, query: t.Mapping[str, str | bytes]) -> bytes | None:
        """The body of a GET of the bucket with this query; None when it did not go well in any way."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        with self._lock:
            address, headers, signing = self._address, dict(self._headers), self._signing
        if not address:
            return None
        text = "&".join(f"{name}={urllib.parse.quote(value, safe='-_.~')}" for name, value in sorted(query.items()))
        try:
            request = AWSRequest(method="GET", url=f"{address}?{text}", headers=headers, stream_output=True)
            S3SigV4Auth(t.cast(t.Any, self._credentials).get_frozen_credentials(), *signing).add_auth(request)
            answer = t.cast(t.Any, self._session).send(request.prepare())
            # at once: botocore takes it in pieces, and each costs a turn of all threads
            body: bytes = answer.raw.read(MOST_BYTES)
            whole = not answer.raw.read(1)
            return body if answer.status_code == _ANSWERED and whole else None
        except (BotoCoreError, HTTPError, OSError):
            return None


def _text(value: t.Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
