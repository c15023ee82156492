# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away S3 servers of another make (VersityGW) on loopback: no replication, version ids of their own, objects in a folder.

Built once from its source by Go, which is optional: without it, MissingPrerequisiteError says so in one line, and tests are skipped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import types
import typing as t

import boto3
from botocore.config import Config

from tests.lab import throwaway
from tests.lab.throwaway import LabError, MissingPrerequisiteError

if t.TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_BUILD = pathlib.Path(__file__).with_name("versitygw_build") / "go.mod"
_CACHE = pathlib.Path(__file__).parents[2] / ".cache" / "versitygw"
_PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
_BUILD_SECONDS = 480


class VersityGW:
    """Use it as a context manager. Listens on a free port of 127.0.0.1; all that it holds is gone with it. Two of them are a pair."""

    access_key = "lifeboat"
    secret_key = "versitygw-lab-secret"

    def __init__(self, *, region: str = "us-east-1", base_dir: str = "/var/tmp") -> None:
        self.region = region
        self.port = 0
        self._base_dir = base_dir
        self._folder: throwaway.Folder | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._client: S3Client | None = None

    def __enter__(self) -> VersityGW:
        program = ensure_built()
        self._folder = throwaway.Folder("vgw", base_dir=self._base_dir)
        try:
            for name in ("data", "versions", "home"):
                os.mkdir(f"{self._folder.path}/{name}")
            self.port = throwaway.free_port()
            self._program = program
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
        self._client = None

    def start(self) -> None:
        """Start it, on the same port as before, with what it holds."""
        folder = self.folder
        log = f"{folder}/server.log"
        environment = {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key, "HOME": f"{folder}/home"}
        command = [str(self._program), "--port", f"127.0.0.1:{self.port}", "--region", self.region]
        command += ["posix", "--versioning-dir", f"{folder}/versions", f"{folder}/data"]
        self._server = throwaway.start(command, log=log, environment=environment)
        throwaway.wait_until(lambda: throwaway.accepts_connections(self.port), self._server, log)

    def stop(self) -> None:
        """Stop it; what it holds stays."""
        if self._server is not None:
            throwaway.stop(self._server, signal.SIGTERM)
            self._server = None

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> pathlib.Path:
        """The server's private folder, with its log and its objects."""
        if self._folder is None:
            raise LabError("The server is not there: use it inside its `with` block.")
        return pathlib.Path(self._folder.path)

    @property
    def client(self) -> S3Client:
        """A boto3 client that shares nothing with the collection."""
        if self._client is None:
            self._client = boto3.session.Session().client(
                "s3",
                endpoint_url=self.endpoint_url,
                region_name=self.region,
                aws_access_key_id=self.access_key,
                aws_secret_access_key=self.secret_key,
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
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


def ensure_built() -> pathlib.Path:
    """The program, built when it is not there or has another version. Raises MissingPrerequisiteError where there is no Go."""
    program, stamp, wanted = _CACHE / "versitygw", _CACHE / "built.txt", _BUILD.read_text(encoding="utf-8")
    _CACHE.mkdir(parents=True, exist_ok=True)
    with open(_CACHE.with_suffix(".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if stamp.read_text(encoding="utf-8") == wanted and program.exists():
                return program
        go = shutil.which("go")
        if go is None:
            raise MissingPrerequisiteError("VersityGW is built by Go, and there is no program go on this machine.")
        shutil.copy(_BUILD, _CACHE / "go.mod")
        command = [go, "build", "-mod=mod", "-o", str(program), _PACKAGE]
        environment = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
        try:
            done = subprocess.run(command, cwd=_CACHE, env=environment, check=False, capture_output=True, text=True, timeout=_BUILD_SECONDS)
        except subprocess.TimeoutExpired:
            raise MissingPrerequisiteError(f"Go did not build VersityGW within {_BUILD_SECONDS} s.") from None
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            raise MissingPrerequisiteError(f"Go could not build VersityGW (is the module registry within reach?): {last}")
        stamp.write_text(wanted, encoding="utf-8")
    return program


if __name__ == "__main__":
    ensure_built()
