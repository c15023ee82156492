# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that only lists: buckets of any number of objects that exist nowhere, for measuring what lists them.

Keys, ETags and sizes are computed from an object's number, so ten million objects need little memory; two million
entries stay ready-made, so that whoever lists a pair of a million is measured, and not this server. It knows
ListObjectsV2 and ListObjectVersions with delimiter, HEAD of a bucket and of an object, and does not look at signatures.
Each answer waits for ``latency``, as if the server were that far away. It runs as a process of its own: ``python -m
tests.lab.listing_server --port 0 one=1000000 two=1000000``.

After the number, ``two=1000000-17-18`` leaves the objects 17 and 18 out.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import functools
import hashlib
import itertools
import pathlib
import signal
import subprocess
import sys
import types
import urllib.parse
import urllib.request

from tests.lab import throwaway
from tests.lab.throwaway import LabError

_STEP = 2654435761  # odd, so that numbers spread over the keys as hashes do, and still in order
_BLOCK = 1000
_BEHIND = "\x7f"  # sorts behind all that follows a prefix here
_MODIFIED = "2026-01-15T02:00:00.000Z"
_ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Bucket:
    """So many objects, without some. ``folders`` is how many hexadecimal digits of the key make its folder."""

    count: int
    missing: frozenset[int] = frozenset()
    folders: int = 2

    def key(self, number: int) -> str:
        """The key of an object: as a content hash would look, and in the order of the numbers."""
        return _key(number, self.count, self.folders)

    def first_after(self, key: str) -> int:
        """The number of the first object whose key is greater."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self.key(middle) > key:
                high = middle
            else:
                low = middle + 1
        return low


def _key(number: int, count: int, folders: int) -> str:
    digits = f"{number * (1 << 64) // count:016x}"
    return f"chunks/{digits[:folders]}/{digits[folders:]}{_STEP * (number + 1) % (1 << 64):016x}"


@functools.lru_cache(maxsize=2048)
def _block(block: int, count: int, folders: int, versions: bool) -> bytes:
    """A thousand entries of one length, ready-made."""
    entries = []
    for number in range(block * _BLOCK, min((block + 1) * _BLOCK, count)):
        etag, size = f"{_STEP * (number + 7) % (1 << 127):032x}", 10_000 + number % 65_536
        common = f"<LastModified>{_MODIFIED}</LastModified><ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size>"
        common += "<StorageClass>STANDARD</StorageClass>"
        key = f"<Key>{_key(number, count, folders)}</Key>"
        if versions:
            entries.append(
                f"<Version>{key}<VersionId>{etag[:26]}</VersionId><IsLatest>true</IsLatest>{common}</Version>"
            )
        else:
            entries.append(f"<Contents>{key}{common}</Contents>")
    return "".join(entries).encode()


def _entries(bucket: Bucket, first: int, end: int, versions: bool) -> bytes:
    """The entries of the objects from one number up to another, cut out of the blocks."""
    parts = []
    for block in range(first // _BLOCK, -(-end // _BLOCK)):
        begin = block * _BLOCK
        ready = _block(block, bucket.count, bucket.folders, versions)
        width = len(ready) // min(_BLOCK, bucket.count - begin)
        parts.append(ready[max(0, first - begin) * width : (end - begin) * width])
    return b"".join(parts)


def _listing(bucket: Bucket, query: dict[str, str]) -> bytes:
    versions = "versions" in query
    prefix, most = query.get("prefix", ""), int(query.get("max-keys", "1000"))
    if "delimiter" in query and prefix in ("", "chunks/"):  # below, nothing is left to fold
        return _folders(bucket, prefix)
    after = query.get("continuation-token") or query.get("start-after") or query.get("key-marker") or ""
    behind = bucket.first_after(prefix + _BEHIND)
    first = min(behind, bucket.first_after(max(after, prefix)))
    end = min(behind, first + most)
    edges = [first - 1, *(number for number in sorted(bucket.missing) if first <= number < end), end]
    entries = b"".join(_entries(bucket, gone + 1, until, versions) for gone, until in itertools.pairwise(edges))
    count = end - first - (len(edges) - 2)  # a page may have less than it was asked for
    truncated = end < behind
    marker = bucket.key(end - 1) if truncated else ""
    name = "ListVersionsResult" if versions else "ListBucketResult"
    next_page = (
        f"<NextKeyMarker>{marker}</NextKeyMarker>"
        if versions
        else f"<NextContinuationToken>{marker}</NextContinuationToken>"
    )
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} '
        'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
        f"<Prefix>{prefix}</Prefix>{next_page if truncated else ''}"
        f"<KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys>"
        f"<EncodingType>url</EncodingType><IsTruncated>{'true' if truncated else 'false'}</IsTruncated>"
    )
    return head.encode() + entries + f"</{name}>".encode()


def _folders(bucket: Bucket, prefix: str) -> bytes:
    all_of_them = [f"chunks/{number:0{bucket.folders}x}/" for number in range(16**bucket.folders)]
    found = all_of_them if prefix else ["chunks/"]
    entries = "".join(f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>" for name in found)
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()


class _Server:
    def __init__(self, buckets: dict[str, Bucket], latency: float) -> None:
        self._buckets = buckets
        self._latency = latency
        self._object_heads = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, target, _version = head.split("\r\n", 1)[0].split(" ", 2)
                path, _mark, text = target.partition("?")
                query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
                if self._latency:
                    await asyncio.sleep(self._latency)
                name, _slash, key = urllib.parse.unquote(path).lstrip("/").partition("/")
                bucket = self._buckets.get(name)
                status, body = self._answer(bucket, method, key, query)
                extra = f'ETag: "{hashlib.md5(key.encode()).hexdigest()}"\r\n' if key else ""
                length = 0 if method == "HEAD" else len(body)
                writer.write(
                    (
                        f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\n{extra}Content-Length: {length}\r\n\r\n"
                    ).encode()
                )
                if method != "HEAD":
                    writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, bucket: Bucket | None, method: str, key: str, query: dict[str, str]) -> tuple[str, bytes]:
        if "object-heads" in query:
            return "200 OK", str(self._object_heads).encode()
        if bucket is None:
            return "404 Not Found", b"<Error><Code>NoSuchBucket</Code></Error>"
        if method == "HEAD" or key:
            self._object_heads += bool(key)
            there = (
                bucket.key(bucket.first_after(key) - 1) == key and (bucket.first_after(key) - 1) not in bucket.missing
            )
            return ("200 OK" if not key or there else "404 Not Found"), b""
        return "200 OK", _listing(bucket, query)


def _bucket(text: str) -> tuple[str, Bucket]:
    name, _equals, numbers = text.partition("=")
    count, *missing = (int(number) for number in numbers.split("-"))
    return name, Bucket(count, frozenset(missing))


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("buckets", nargs="+", help="name=count")
    options = parser.parse_args()
    server = _Server(dict(map(_bucket, options.buckets)), options.latency)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", options.port, backlog=512)
    async with listener:
        await listener.serve_forever()


class ListingServer:
    """The server as a context manager. ``buckets`` maps names to how many objects they have, without some."""

    access_key = "test"
    secret_key = "listing-server-secret"

    def __init__(self, buckets: dict[str, str | int], *, latency: float = 0.0, base_dir: str = "/var/tmp") -> None:
        self.port = 0
        self._arguments = [f"{name}={count}" for name, count in buckets.items()]
        self._latency = latency
        self._base_dir = base_dir
        self._folder: throwaway.Folder | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ListingServer:
        self._folder = throwaway.Folder("listing", base_dir=self._base_dir)
        log = f"{self._folder.path}/server.log"
        self.port = throwaway.free_port()
        command = [
            sys.executable,
            "-m",
            "tests.lab.listing_server",
            f"--port={self.port}",
            f"--latency={self._latency}",
            *self._arguments,
        ]
        self._process = throwaway.start(command, log=log, cwd=str(_ROOT))
        try:
            throwaway.wait_until(lambda: throwaway.accepts_connections(self.port), self._process, log)
        except LabError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        if self._process is not None:
            throwaway.stop(self._process, signal.SIGTERM)
            self._process = None
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def object_heads(self) -> int:
        """How many objects were asked for one by one so far."""
        with urllib.request.urlopen(f"{self.endpoint_url}/?object-heads", timeout=60) as answer:
            return int(answer.read())

    def side(self, bucket: str) -> dict[str, str]:
        """The option ``source`` or ``destination`` that leads to a bucket."""
        return {
            "bucket": bucket,
            "endpoint_url": self.endpoint_url,
            "region": "us-east-1",
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        }


if __name__ == "__main__":
    asyncio.run(_main())
