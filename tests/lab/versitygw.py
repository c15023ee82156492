# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away S3 servers of another make (VersityGW) on loopback: no replication, version ids of their own, objects in a
folder.

Built once from its source by Go, which is optional: without it, MissingPrerequisiteError says so in one line, and tests
are skipped.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

from tests.lab import throwaway
from tests.lab.cache import user_cache
from tests.lab.s3server import ThrowawayS3Server
from tests.lab.throwaway import MissingPrerequisiteError

if t.TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BUILD = pathlib.Path(__file__).with_name("versitygw_build") / "go.mod"
_CACHE = user_cache("versitygw")
_PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
_BUILD_SECONDS = 480


class VersityGW(ThrowawayS3Server):
    """Use it as a context manager.

    Listens on a free port of 127.0.0.1; all that it holds is gone with it. Two of them are a pair.
    """

    access_key = "lifeboat"
    secret_key = "versitygw-lab-secret"

    def __enter__(self) -> VersityGW:
        program = ensure_built()
        self._folder = throwaway.Folder("vgw", base_dir=self._base_dir)
        try:
            for name in ("data", "versions", "home", "accounts"):
                os.mkdir(f"{self._folder.path}/{name}")
            self.port = throwaway.free_port()
            self._program = program
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start(self) -> None:
        """Start it, on the same port as before, with what it holds."""
        folder = self.folder
        log = f"{folder}/server.log"
        environment = {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key, "HOME": f"{folder}/home"}
        command = [str(self._program), "--port", f"127.0.0.1:{self.port}", "--region", self.region]
        command += ["--iam-dir", f"{folder}/accounts"]
        command += ["posix", "--versioning-dir", f"{folder}/versions", f"{folder}/data"]
        self._server = throwaway.start(command, log=log, environment=environment)
        throwaway.wait_until(lambda: throwaway.accepts_connections(self.port), self._server, log)

    def make_reader(self, bucket: str, name: str = "reader", secret: str = "reader-lab-secret") -> dict[str, str]:
        """An account that may list a bucket and read its objects, and nothing else. The option that leads there."""
        return self._make_account(bucket, name, secret, ("s3:GetObject",))

    def make_writer(self, bucket: str, name: str = "writer", secret: str = "writer-lab-secret") -> dict[str, str]:
        """One that may also write and delete objects."""
        return self._make_account(bucket, name, secret, ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"))

    def client_of(self, account: dict[str, str]) -> S3Client:
        """A client of this account's own, which shares nothing with the collection."""
        other = VersityGW(region=self.region)
        other.port, other.access_key, other.secret_key = self.port, account["access_key"], account["secret_key"]
        return other.new_client()

    def _make_account(self, bucket: str, name: str, secret: str, actions: t.Sequence[str]) -> dict[str, str]:
        told = ["--access", self.access_key, "--secret", self.secret_key, "--endpoint-url", self.endpoint_url]
        subprocess.run(
            [self._program, "admin", *told, "create-user", "--access", name, "--secret", secret, "--role", "user"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        allowed = [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [name]},
                "Action": [action],
                "Resource": [f"arn:aws:s3:::{bucket}{below}"],
            }
            for action, below in (("s3:ListBucket", ""), *((action, "/*") for action in actions))
        ]
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": allowed}))
        return {**self.side(bucket), "access_key": name, "secret_key": secret}


def ensure_built() -> pathlib.Path:
    """The program, built when it is not there or has another version.

    Raises MissingPrerequisiteError where there is no Go.
    """
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
            done = subprocess.run(
                command,
                cwd=_CACHE,
                env=environment,
                check=False,
                capture_output=True,
                text=True,
                timeout=_BUILD_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise MissingPrerequisiteError(f"Go did not build VersityGW within {_BUILD_SECONDS} s.") from None
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            raise MissingPrerequisiteError(
                f"Go could not build VersityGW (is the module registry within reach?): {last}"
            )
        stamp.write_text(wanted, encoding="utf-8")
    return program


if __name__ == "__main__":
    sys.stdout.write(f"{ensure_built()}\n")
