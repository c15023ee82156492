# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tags of objects that are copied."""

from __future__ import annotations

import threading
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access._side import Side
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.heal._wanted import Wanted
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_errors import S3Error


class TagCopier:
    """Reads the tags of originals and gives them to their copies. Every method may be called from any thread."""

    def __init__(self, origin: Side, target: Side, count: t.Callable[[str], None]) -> None:
        self._origin = origin
        self._target = target
        self._count = count
        self._lock = threading.Lock()
        self._probed = False
        self.missing = 0  # copies whose tags could not be read, or not be written
        self.hidden = False  # the key may not read tags, so that nobody knows which copies lack some

    def read(self, wanted: Wanted, *, known: bool) -> str:
        """The tags as a query string, empty for none. ``known`` says that the original has some: then that they cannot
        be read is an error. Raises S3Error.
        """
        try:
            answer = self._ask(wanted)
        except S3Error as error:
            if known or error.not_found or not (error.not_implemented or error.status == 403):
                raise
            if error.status == 403:
                self._miss()
            return ""
        return urllib.parse.urlencode([(tag["Key"], tag["Value"]) for tag in answer["TagSet"]])

    def probe(self, wanted: Wanted) -> None:
        """Amazon S3 counts tags (``x-amz-tagging-count`` of GetObject) only for a key that may read them, so that an
        object with tags looks like one without. The first original of a run is asked for its tags, to find that out.
        """
        with self._lock:
            probed, self._probed = self._probed, True
        if probed:
            return
        try:
            self._ask(wanted)
        except S3Error as error:
            self.hidden = error.status == 403  # a server without tags, or an object that is gone, hides none

    def make_sure(self, key: str, version: str, tagging: str) -> None:
        """Some servers take no notice of tags in the beginning of an upload in parts: then they get them afterwards."""
        tags = urllib.parse.parse_qsl(tagging, keep_blank_values=True)
        which: t.Any = {"Bucket": self._target.bucket, "Key": key, **({"VersionId": version} if version else {})}
        tag_set: t.Any = [{"Key": name, "Value": text} for name, text in tags]
        self._count("get")
        try:
            found: t.Any = self._target.call("Reading tags", lambda client: client.get_object_tagging(**which))
            if {(tag["Key"], tag["Value"]) for tag in found["TagSet"]} != set(tags):
                self._count("put")
                self._target.call(
                    "Writing tags", lambda client: client.put_object_tagging(**which, Tagging={"TagSet": tag_set})
                )
        except S3Error:
            self._miss()

    def _ask(self, wanted: Wanted) -> dict[str, t.Any]:
        self._count("get")
        version: t.Any = {"VersionId": wanted.version_id} if wanted.version_id else {}
        answer: t.Any = self._origin.call(
            f"Reading tags of {wanted.key!r}",
            lambda client: client.get_object_tagging(Bucket=self._origin.bucket, Key=wanted.key, **version),
        )
        return t.cast("dict[str, t.Any]", answer)

    def _miss(self) -> None:
        with self._lock:
            self.missing += 1
