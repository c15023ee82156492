# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all S3 servers of the lab have in common."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import types
import typing as t

import boto3
from botocore.config import Config

from tests.lab import throwaway
from tests.lab.throwaway import LabError

if t.TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class S3Server:
    """One endpoint on loopback, and the keys to it."""

    access_key = "test"
    secret_key = "test"

    def __init__(self, *, region: str, port: int = 0) -> None:
        self.region = region
        self.port = port
        self._client: S3Client | None = None

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def new_client(self, endpoint_url: str = "") -> S3Client:
        """A boto3 client that shares nothing with the collection; ``endpoint_url`` leads it through a proxy."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint_url or self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    @property
    def client(self) -> S3Client:
        """One client to the server itself, for looking at what is really stored."""
        if self._client is None:
            self._client = self.new_client()
        return self._client

    def side(self, bucket: str) -> dict[str, str]:
        """The option ``source`` or ``destination`` that leads to a bucket."""
        return {
            "bucket": bucket,
            "endpoint_url": self.endpoint_url,
            "region": self.region,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        }

    def make_bucket(self, name: str, *, versioning: bool = False) -> str:
        """Make a bucket. Gives its name."""
        self.client.create_bucket(Bucket=name)
        if versioning:
            self.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


class ThrowawayS3Server(S3Server):
    """One that is a process with a folder of its own.

    Leaving its `with` block ends it and removes all that it holds.
    """

    def __init__(self, *, region: str = "us-east-1", base_dir: str = "/var/tmp") -> None:
        super().__init__(region=region)
        self._base_dir = base_dir
        self._folder: throwaway.Folder | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
        self._client = None

    def stop(self) -> None:
        """Stop it; what it holds stays."""
        if self._server is not None:
            throwaway.stop(self._server, signal.SIGTERM)
            self._server = None

    @property
    def folder(self) -> pathlib.Path:
        """The server's private folder, with its log."""
        if self._folder is None:
            raise LabError("The S3 server is not there: use it inside its `with` block.")
        return pathlib.Path(self._folder.path)
