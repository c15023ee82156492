# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What S3 servers and the S3 client answer when something is wrong, in words that a person can act on."""

from __future__ import annotations

import datetime
import email.utils
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._answers import UnreadableAnswerError

_TEMPORARY_CODES = {
    "BadDigest",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "XAmzContentSHA256Mismatch",
}
_TEMPORARY_STATUSES = {408, 429, 500, 502, 503, 504}

NOT_SENT = "ParameterValidation"
"""The code of what botocore itself refuses to send: a header that is not ASCII, an empty name."""
SKEWED = "RequestTimeTooSkewed"
_ALLOWED_SKEW = datetime.timedelta(
    minutes=15
)  # Amazon S3 API reference, "Authenticating requests"; others take the same

_CREDENTIALS = (
    "Check access_key, secret_key, session_token or profile, and that they belong to this endpoint. Nothing was "
    "changed."
)
_PERMISSION = (
    "Give this key the permission for the bucket and the prefix (s3:ListBucket, s3:GetObject, s3:PutObject, "
    "s3:DeleteObject, s3:AbortMultipartUpload, s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts; for KMS "
    "also kms:GenerateDataKey and kms:Decrypt)."
)
_KMS = "Enable the key, or cancel its deletion, before it is too late: without it nobody can read what it encrypts."
_KMS_RIGHTS = (
    "Allow this user kms:Decrypt (to read) and kms:GenerateDataKey (to write) with the key, in its key policy and in "
    "IAM."
)
_REGION = "Set region to the region of the bucket."
_BUSY = (
    "Wait until the endpoint answers again, then run again; raise retries or request_time_limit when this happens "
    "often."
)
_REACH = "Check endpoint_url, the name resolution, the network and that the server runs, then run again."
_NOT_S3 = (
    "Check endpoint_url: it must lead to the S3 API. The port of a console, a sign-on page, a proxy or a web server "
    "answers like this. Nothing was changed by this request."
)
_LONGEST = 400

_CODES = {
    "NoSuchBucket": ("the bucket is not there", "Create the bucket, or correct bucket, region or endpoint_url."),
    "InvalidBucketName": ("the server refuses the bucket's name", "Correct bucket."),
    "InvalidAccessKeyId": ("the server does not know the access key", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key is wrong", _CREDENTIALS),
    "ExpiredToken": ("the session token has expired", _CREDENTIALS),
    "InvalidToken": ("the session token is wrong", _CREDENTIALS),
    "AccessDenied": ("the server does not allow it", _PERMISSION),
    "AllAccessDisabled": ("the server does not allow it", _PERMISSION),
    "403": (
        "the server refuses these credentials, or does not allow them this",
        f"{_CREDENTIALS} If they are right: {_PERMISSION}",
    ),
    SKEWED: (
        "the clocks of this host and of the server differ too much",
        "Compare both clocks with a third one, and set the one that is wrong (NTP). The credentials may be right. "
        "Nothing was changed.",
    ),
    "PermanentRedirect": ("the bucket is in another region", _REGION),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", _REGION),
    "301": ("the bucket is in another region", _REGION),
    "NoSuchKey": ("there is no such object", "Check prefix and path; backup_info lists what is there."),
    "404": ("there is no such object", "Check prefix and path; backup_info lists what is there."),
    "InvalidObjectState": (
        "the object is in an archive class and cannot be read now",
        "Restore it to a readable class first (aws s3api restore-object), which takes hours, or use another "
        "repository.",
    ),
    "InvalidStorageClass": ("the server does not know this storage class", "Correct or remove storage_class."),
    "KMS.NotFoundException": ("the server does not find the KMS key", "Correct kms_key_id, or kms_key_arn."),
    "KMS.DisabledException": ("the KMS key is disabled", _KMS),
    "KMS.KMSInvalidStateException": ("the KMS key cannot be used now, it may wait for its deletion", _KMS),
    "KMS.InvalidStateException": ("the KMS key cannot be used now, it may wait for its deletion", _KMS),
    "QuotaExceeded": ("the quota of the bucket or the user is used up", "Raise the quota or remove old backups."),
    "XMinioStorageFull": ("the server's disks are full", "Free space on the server or remove old backups."),
    "EntityTooLarge": (
        "the server refuses objects of this size",
        "Split the backup (jobs, tables), or use a server with larger objects.",
    ),
    "SlowDown": ("the server asks to be slower", _BUSY),
    "ServiceUnavailable": ("the server is not available now", _BUSY),
    "InternalError": ("the server has an error of its own", _BUSY),
}


class S3Error(RepositoryError):
    """A request to an S3 server failed. ``code`` is S3's error code (``"404"`` and such for answers without a body)."""

    def __init__(self, message: str, *, hint: str, code: str, status: int, attempts: int, region: str = "") -> None:
        super().__init__(message, hint=hint, details={"code": code, "status": status, "attempts": attempts})
        self.region = region  # of the bucket, where the server says that it is another one
        self.code = code
        self.status = status
        self.attempts = attempts

    @property
    def not_found(self) -> bool:
        """Whether there is no such object."""
        return self.status == 404 and self.code != "NoSuchBucket"

    @property
    def exists(self) -> bool:
        """Whether a conditional write found an object of that name."""
        return self.status == 412 or self.code == "PreconditionFailed"

    @property
    def not_implemented(self) -> bool:
        """Whether the server lacks what was asked of it."""
        return self.status in (405, 501) or self.code in ("NotImplemented", "XNotImplemented", "MethodNotAllowed")


def code_and_status(error: BaseException) -> tuple[str, int]:
    """S3's error code and the HTTP status of an error of the client; ``("", 0)`` when no answer came."""
    from botocore.exceptions import ParamValidationError

    if isinstance(error, ParamValidationError):
        return NOT_SENT, 0
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return "", 0
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "403" and abs(_clock_ahead(error)) > _ALLOWED_SKEW:  # the answer to a HEAD, which has no body to say so
        code = SKEWED
    if code == "404" and getattr(error, "operation_name", "") == "HeadBucket":  # no body either
        code = "NoSuchBucket"
    return code, status


def _clock_ahead(error: BaseException) -> datetime.timedelta:
    """By how much the clock of the server that answered is ahead of ours; zero when it does not tell."""
    headers = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
    told = server_time(headers)
    return told - datetime.datetime.now(datetime.timezone.utc) if told else datetime.timedelta()


def server_time(headers: t.Mapping[str, str]) -> datetime.datetime | None:
    """The time in the header ``date`` of an answer; None where there is none, or none that can be read."""
    try:
        told = email.utils.parsedate_to_datetime(str(headers.get("date", "")))
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=datetime.timezone.utc)


def is_temporary(error: BaseException, attempt: int = 1) -> bool:
    """Whether the same request may succeed in a while; ``attempt`` is how many were made.

    An answer that is not whole is asked for once more, as a connection may have been cut, and then it is the server's.
    """
    from botocore import exceptions

    if isinstance(error, UnreadableAnswerError):
        return attempt == 1 and not error.foreign
    if _is_not_http(error):
        return False
    if isinstance(error, exceptions.SSLError):
        return not any(word in str(error).upper() for word in ("CERTIFICATE", "WRONG_VERSION_NUMBER"))
    if isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.ResponseStreamingError)):
        return True
    if isinstance(error, (exceptions.IncompleteReadError, OSError)):
        return True
    code, status = code_and_status(error)
    return code in _TEMPORARY_CODES or status in _TEMPORARY_STATUSES


def other_region(error: BaseException) -> str:
    """The region to ask in, where a server answers 301 or 400 and names it in a header."""
    metadata = (getattr(error, "response", None) or {}).get("ResponseMetadata", {})
    if metadata.get("HTTPStatusCode") not in (301, 307, 400):
        return ""
    return str(metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region", ""))


def _is_not_http(error: BaseException) -> bool:
    """Whether what answered does not speak HTTP: another service listens there."""
    cause = repr(getattr(error, "kwargs", {}).get("error", ""))
    return any(name in cause for name in ("BadStatusLine(", "LineTooLong(", "UnknownProtocol("))


def reason_and_hint(error: BaseException, scrub: t.Callable[[str], str]) -> tuple[str, str]:
    """Why a request failed, and the next safe step. ``scrub`` takes secrets out of a text."""
    from botocore import exceptions

    if isinstance(error, UnreadableAnswerError) or _is_not_http(error):
        return f"this is not an S3 server's answer: {_short(scrub(str(error)))}", _NOT_S3
    code, status = code_and_status(error)
    if code == NOT_SENT:
        return _short(scrub(f"it cannot be asked for: {error}")), ""
    if code == SKEWED:
        return _skewed(error), _CODES[code][1]
    said = (
        scrub(str(error.response.get("Error", {}).get("Message", "")))
        if isinstance(error, exceptions.ClientError)
        else ""
    )
    region = other_region(error)
    if region:
        return f"the bucket is in the region {region} ({code or status})", f"Set region to {region}."
    if code == "AccessDenied" and "kms:" in said:
        return f"the KMS key may not be used ({code}: {said.rstrip('.')})", _KMS_RIGHTS
    if code in _CODES:
        return f"{_CODES[code][0]} ({code})", _CODES[code][1]
    if code or status:
        answer = f"the server answered {scrub(code) or status}{': ' + said.rstrip('.') if said else ''}"
        return answer, _BUSY if is_temporary(error) else _CREDENTIALS if status in (401, 403) else ""
    kinds: tuple[tuple[type[BaseException], str, str], ...] = (
        (exceptions.NoCredentialsError, "there are no credentials", _CREDENTIALS),
        (exceptions.PartialCredentialsError, "the credentials are not complete", _CREDENTIALS),
        (exceptions.ConnectTimeoutError, "the endpoint did not answer in time", _REACH),
        (exceptions.ReadTimeoutError, "the endpoint took too long to answer", _BUSY),
        (
            exceptions.SSLError,
            "the TLS connection failed",
            "Check ca_bundle and validate_certs, and the certificate of the endpoint.",
        ),
        (exceptions.ProxyConnectionError, "the proxy cannot be reached", "Check the proxy settings of this host."),
        (exceptions.EndpointConnectionError, "the endpoint cannot be reached", _REACH),
        (exceptions.ConnectionClosedError, "the endpoint closed the connection", _REACH),
        (exceptions.HTTPClientError, "the connection broke", _REACH),
    )
    for kind, reason, hint in kinds:
        if isinstance(error, kind):
            return f"{reason} ({scrub(str(error))})" if kind is exceptions.SSLError else reason, hint
    return _short(scrub(f"{type(error).__name__}: {error}")), ""


def _short(text: str) -> str:
    """One line of what may be long: botocore puts whole answers into some errors."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _skewed(error: BaseException) -> str:
    """Whose clock is where, as far as the answer tells."""
    ahead = _clock_ahead(error)
    if abs(ahead) <= datetime.timedelta(minutes=1):
        return f"{_CODES[SKEWED][0]} ({SKEWED})"
    way = "ahead of" if ahead > datetime.timedelta() else "behind"
    return (
        f"the clock of the server is {abs(ahead).total_seconds() / 60:.0f} minutes {way} this host's clock ({SKEWED})"
    )
