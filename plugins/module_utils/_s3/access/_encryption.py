# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""How copies are encrypted: never less than their originals.

CopyObject and PutObject do not keep the encryption of the original: without a header the copy gets what the bucket has
by default (S3 user guide, "Using server-side encryption"). A KMS key belongs to one region, so in another one the copy
needs a key of its own.
"""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side

KMS = ("aws:kms", "aws:kms:dsse")
_PLAIN = "AES256"
_WITH_KMS = ("aws", "ministack")  # where a copy without the key is a mistake; other servers may have none
_NEEDS_KEY = "Server Side Encryption"


class CustomerKeyError(LifeboatError):
    """The original is encrypted with a key that its owner sends with each request (SSE-C).

    Nobody else can read or copy it.
    """

    def __init__(self, where: str, key: str) -> None:
        super().__init__(
            f"{where}: {key!r} is encrypted with a key of the customer (SSE-C), so only its owner can copy it.",
            hint="Let the application write it to the other side too, or leave it out by a prefix.",
        )


def needs_customer_key(error: S3Error) -> bool:
    """Whether this is the answer to a request for an SSE-C object without its key: 400, without a body when it was a
    HEAD.
    """
    return error.status == 400 and (error.code == "400" or _NEEDS_KEY in error.message)


class Encryption:
    """Decides the headers of each copy. Every method may be called from any thread.

    ``shared_keys``: both sides are one region of one server, where a key of one is a key of the other. ``kinds`` are
    the profiles' names.
    ``weaker`` tells whether a copy has less than its original, on a server that is not known to have KMS.
    """

    def __init__(self, origin: Side, target: Side, *, shared_keys: bool, kinds: tuple[str, str]) -> None:
        self._origin = origin
        self._target = target
        self._shared_keys = shared_keys
        self._kinds = kinds
        self._lock = threading.Lock()
        self._default: str | None = None
        self.weaker = False

    def headers(self, key: str, facts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The parameters of the write, by what a HEAD or a GET of the original said. Raises LifeboatError."""
        kind = str(facts.get("ServerSideEncryption") or "")
        if kind == _PLAIN:
            alike = self._kinds[0] == self._kinds[1]  # a server of another kind may refuse the header
            return {"ServerSideEncryption": kind} if alike and self._bucket_default() in self._no_better() else {}
        return self._with_kms(key, kind, facts) if kind in KMS else {}

    def _with_kms(self, key: str, kind: str, facts: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        named = self._target.options.get("kms_key_arn") or (facts.get("SSEKMSKeyId") if self._shared_keys else None)
        if named:
            more = {"BucketKeyEnabled": True} if facts.get("BucketKeyEnabled") else {}
            return {"ServerSideEncryption": kind, "SSEKMSKeyId": named, **more}
        if self._bucket_default() in KMS:
            return {}
        if self._kinds[1] in _WITH_KMS:
            raise LifeboatError(
                f"{self._origin.name}: {key!r} is encrypted with a KMS key ({facts.get('SSEKMSKeyId') or kind}), and "
                f"{self._target.name} "
                "has no key for its copy. It was not copied.",
                hint=f"Give {self._target.role}.kms_key_arn, or make a KMS key the default encryption of the bucket.",
            )
        self.weaker = True
        return {}

    def _no_better(self) -> tuple[str, ...]:
        """The defaults that a copy without KMS may do without.

        Amazon has always one, so where it does not tell that may be KMS.
        """
        return (_PLAIN,) if self._kinds[1] == "aws" else (_PLAIN, "")

    def _bucket_default(self) -> str:
        """The default encryption of the target; empty when it has none, or when nobody tells."""
        with self._lock:
            if self._default is None:
                self._default = self._ask()
            return self._default

    def _ask(self) -> str:
        try:
            answer: t.Any = self._target.call(
                "Reading the default encryption",
                lambda client: client.get_bucket_encryption(Bucket=self._target.bucket),
                attempts=1,
            )
        except S3Error:
            return ""
        rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules") or [{}]
        return str(rules[0].get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") or "")
