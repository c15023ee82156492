# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether an answer is one of an S3 server at all.

botocore takes what it does not find in an answer for not set, so the web page of a console or of a sign-on service
looks like an empty bucket to it, and an answer that it cannot read ends in any exception, or is taken for an error 500
that may pass. So each answer is looked at before botocore reads it (its events ``before-parse`` and ``after-call``),
and what is missing in it is noticed.
"""

from __future__ import annotations

import re
import typing as t
import xml.parsers.expat

MOST_BYTES = 64 << 20  # of an XML answer; a page of 1,000 keys of 1,024 bytes, all of them escaped, has 5 MB
_SHOWN_BYTES = 120
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_ERROR = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<Error\b")
_ELSEWHERE = (301, 302, 303, 307, 308)
_REGION = "x-amz-bucket-region"
_LISTINGS = {
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "List",  # ListVersionsResult; gofakes3 has a name of its own
    "ListParts": "ListPartsResult",
}
"""The root elements of the answers that are taken for empty when they are something else."""
_ALWAYS_THERE = {
    "CompleteMultipartUpload": "ETag",
    "CopyObject": "CopyObjectResult",
    "CreateMultipartUpload": "UploadId",
    "GetObject": "ETag",
    "HeadObject": "ETag",
    "PutObject": "ETag",
    "UploadPart": "ETag",
    "UploadPartCopy": "CopyPartResult",
}
"""What the answer of any S3 server has (Amazon S3 API reference), as botocore names it."""

_IN_EACH_ENTRY = {
    "Contents": ("Key", "LastModified", "Size"),
    "DeleteMarkers": ("Key", "LastModified", "VersionId"),
    "Errors": ("Key",),
    "Uploads": ("Key", "UploadId"),
    "Versions": ("Key", "LastModified", "VersionId"),
}
_WHEN_TRUNCATED = {
    "ListMultipartUploads": ("NextKeyMarker", "NextUploadIdMarker"),
    "ListObjectsV2": ("NextContinuationToken",),
}


_TRUNCATED = re.compile(rb"<(?:\w+:)?IsTruncated(?:\s[^>]*)?>([^<]*)<")
_NEXT = re.compile(rb"<(?:\w+:)?(?:NextContinuationToken|NextKeyMarker)>[^<]")


class UnreadableAnswerError(Exception):
    """An answer that is not one of an S3 server, or is not whole.

    ``foreign``: asking again cannot help. Else a connection may have been cut, and one more try is worth it.
    """

    def __init__(self, what: str, *, foreign: bool = True) -> None:
        super().__init__(what)
        self.foreign = foreign


def watch(client: t.Any) -> None:
    """Look at each answer that this client of botocore gets."""
    # The two wildcards run before botocore's own handler of before-parse.s3.*, which would make an error 500 of it.
    client.meta.events.register("before-parse.*.*", _before_parse, unique_id="lifeboat-answers")
    client.meta.events.register("after-call.s3.*", _after_call, unique_id="lifeboat-answers-parsed")


def described(status: int, headers: t.Mapping[str, str], body: t.Any = b"") -> str:
    """An answer for people: its status, its type, and how it begins."""
    kind = str(headers.get("content-type", ""))[:100] or "no content type"
    return f"{status}, {kind}{shown(body)}"


def shown(body: t.Any) -> str:
    """``, beginning with '...'``: the first bytes of what was answered."""
    if not isinstance(body, bytes) or not body.strip():
        return ""
    begin = body.lstrip()[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return f", beginning with {' '.join(begin.split())!r}"


def root_of(body: bytes) -> str:
    """The name of the root element of a document that is well-formed, without its namespace.

    Raises UnreadableAnswerError on any other, and on one with a DOCTYPE, which no S3 server writes and whose entities
    could be of any size.
    """
    if len(body) > MOST_BYTES:
        raise UnreadableAnswerError(f"it has {len(body)} bytes, and no answer of S3 is longer than {MOST_BYTES}")
    names: list[str] = []
    parser = xml.parsers.expat.ParserCreate()

    def start(name: str, _attributes: t.Any) -> None:
        names.append(name)
        parser.StartElementHandler = None

    def refuse(*_doctype: t.Any) -> None:
        raise UnreadableAnswerError("it has a DOCTYPE, which no S3 server writes")

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (xml.parsers.expat.ExpatError, ValueError, LookupError) as error:
        raise UnreadableAnswerError(f"it is not well-formed XML ({error})", foreign=not names) from None
    return names[0].rpartition(":")[2]


def check(operation: str, status: int, headers: t.Mapping[str, str], body: t.Any, *, document: bool) -> None:
    """Raise UnreadableAnswerError unless it can be the answer of an S3 server to this operation. Pure.

    ``headers`` have lower-case names or ignore case; ``document``: the body is XML where there is one.
    """
    if status in _ELSEWHERE and not headers.get(_REGION) and not is_error(body):
        # S3 says where it leads to (Amazon S3 API reference, "Redirects"). Over a redirect that does not, as from http
        # to https, botocore asks for the bucket's region, which is redirected, for which it asks for the region ...
        place = str(headers.get("location", "")).partition("?")[0] or "nowhere"
        raise UnreadableAnswerError(f"it is {status} and leads to {place[:200]}")
    if not 200 <= status < 300:
        return
    html = str(headers.get("content-type", "")).lower().startswith("text/html")
    if operation == "HeadBucket" and html and not any(str(name).lower().startswith("x-amz") for name in headers):
        raise UnreadableAnswerError(described(status, headers))
    if not isinstance(body, bytes) or not body.strip():
        return
    if _HTML.match(body):
        raise UnreadableAnswerError(described(status, headers, body))
    if document:
        try:
            root = root_of(body)
        except UnreadableAnswerError as error:
            raise UnreadableAnswerError(f"{described(status, headers, body)}; {error}", foreign=error.foreign) from None
        if root != "Error" and not root.startswith(_LISTINGS.get(operation, "")):
            raise UnreadableAnswerError(described(status, headers, body))
        unsaid = unsaid_end(body) if operation in _LISTINGS else ""
        if unsaid:
            raise UnreadableAnswerError(f"{described(status, headers, body)}; {unsaid}")


def unsaid_end(body: bytes) -> str:
    """Why a page does not say whether it is the last one, empty where it does: botocore takes all but ``true`` for the
    end, and what is behind it would be missing without a word.
    """
    said = _TRUNCATED.findall(body)
    if not said:
        return "it says where the next page begins, and not whether there is one" if _NEXT.search(body) else ""
    odd = next((text for text in said if text not in (b"true", b"false")), None)
    return "" if odd is None else f"its IsTruncated is {odd[:40].decode('utf-8', 'backslashreplace')!r}"


def is_error(body: t.Any) -> bool:
    """Whether a body begins as an error in S3's own words."""
    return isinstance(body, bytes) and bool(_ERROR.match(body))


def while_reading(error: BaseException) -> bool:
    """Whether botocore failed over the content of an answer: it raises there whatever Python happens to raise."""
    modules: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        modules.append(str(trace.tb_frame.f_globals.get("__name__")))
        trace = trace.tb_next
    return "botocore.parsers" in modules or modules[-1:] in (["botocore.endpoint"], ["botocore.handlers"])


def _before_parse(operation_model: t.Any, response_dict: dict[str, t.Any], **_more: t.Any) -> None:
    output = operation_model.output_shape
    payload = output.serialization.get("payload") if output else None
    bare = payload is not None and output.members[payload].type_name in ("blob", "string")
    check(
        operation_model.name,
        int(response_dict["status_code"]),
        response_dict["headers"],
        response_dict["body"],
        document=bool(output) and not bare,
    )


def _after_call(http_response: t.Any, parsed: dict[str, t.Any], model: t.Any, **_more: t.Any) -> None:
    if not 200 <= http_response.status_code < 300:
        return
    wanted = [_ALWAYS_THERE[model.name]] if model.name in _ALWAYS_THERE else []
    if parsed.get("IsTruncated"):
        wanted += _WHEN_TRUNCATED.get(model.name, ())
    lacks = [name for name in wanted if name not in parsed]
    for kind, names in _IN_EACH_ENTRY.items():
        entries = parsed.get(kind)
        for entry in entries if isinstance(entries, list) else ():
            lacks += [f"{name} in {kind}" for name in names if name not in entry]
    if lacks:
        raise UnreadableAnswerError(
            f"{described(http_response.status_code, http_response.headers)}, without {lacks[0]}, which each has"
        )
