# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A throw-away S3 server (ministack) on loopback, kept in memory.

It enforces If-None-Match, checksums, multipart uploads and their abort, versions and replication as S3 does. It does
not check signatures (every key pair is let in), and does not refuse parts below 5 MiB.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

from tests.lab import throwaway
from tests.lab.s3server import ThrowawayS3Server
from tests.lab.throwaway import LabError, MissingPrerequisiteError

if t.TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import MultipartUploadTypeDef, ObjectIdentifierTypeDef

_REQUIREMENTS = pathlib.Path(__file__).with_name("requirements-objectstore.txt")
_ENVIRONMENT = pathlib.Path(__file__).parents[2] / ".cache" / "objectstore"


class ObjectStore(ThrowawayS3Server):
    """Use it as a context manager. Listens on a free port of 127.0.0.1; all that it holds is gone with it."""

    def __enter__(self) -> ObjectStore:
        python = ensure_installed()
        self._folder = throwaway.Folder("s3", base_dir=self._base_dir)
        try:
            self._start(python)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that lead every AWS client here, with no configuration file of the caller's."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @property
    def log(self) -> str:
        """The end of what the server has logged."""
        return throwaway.log_tail(f"{self.folder}/server.log", 200)

    def drop_bucket(self, name: str) -> None:
        """Remove a bucket with all versions of its objects and all its unfinished uploads."""
        for upload in self.multipart_uploads(name):
            self.client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        while True:  # always the first page: the marker of a next one would name a version that is gone
            page = self.client.list_object_versions(Bucket=name)
            objects: list[ObjectIdentifierTypeDef] = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
            ]
            if not objects:
                break
            self.client.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
        self.client.delete_bucket(Bucket=name)

    def sizes(self, bucket: str, prefix: str = "") -> dict[str, int]:
        """The objects that are there: key → size in bytes."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def read(self, bucket: str, key: str) -> bytes:
        """An object's content."""
        return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def write(self, bucket: str, key: str, content: bytes) -> None:
        """Put an object, over one that is there too: this is how a test damages what is stored."""
        self.client.put_object(Bucket=bucket, Key=key, Body=content)

    def multipart_uploads(self, bucket: str) -> list[MultipartUploadTypeDef]:
        """The uploads that were begun and neither completed nor aborted."""
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
        return [upload for page in pages for upload in page.get("Uploads", [])]

    def _start(self, python: pathlib.Path) -> None:
        folder = str(self.folder)
        self.port = throwaway.free_port()
        log = f"{folder}/server.log"
        environment = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
        }  # it binds to 0.0.0.0 unless told otherwise
        environment |= {"HOME": folder, "TMPDIR": folder, "LOG_LEVEL": "WARNING"}
        self._server = throwaway.start([str(python), "-m", "ministack"], log=log, cwd=folder, environment=environment)
        throwaway.wait_until(lambda: throwaway.accepts_connections(self.port), self._server, log)


def ensure_installed() -> pathlib.Path:
    """The Python of the server's own virtual environment, which is made, once, when it is not there or has another
    version.
    """
    python = _ENVIRONMENT / "bin" / "python"
    wanted = _REQUIREMENTS.read_text(encoding="utf-8")
    stamp = _ENVIRONMENT / "installed.txt"
    _ENVIRONMENT.parent.mkdir(exist_ok=True)
    with open(_ENVIRONMENT.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if stamp.read_text(encoding="utf-8") == wanted and python.exists():
                return python
        shutil.rmtree(_ENVIRONMENT, ignore_errors=True)
        if subprocess.run(
            [sys.executable, "-m", "venv", str(_ENVIRONMENT)], check=False, capture_output=True
        ).returncode:
            raise MissingPrerequisiteError(
                "Python cannot make virtual environments here. Install the Debian package python3-venv."
            )
        command = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            str(_REQUIREMENTS),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise LabError(f"pip could not install the S3 server of {_REQUIREMENTS.name}: {done.stderr.strip()}")
        stamp.write_text(wanted, encoding="utf-8")
    return python


if __name__ == "__main__":
    ensure_installed()
