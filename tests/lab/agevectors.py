# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The official test vectors of the age format (C2SP CCTV), as the Go module that carries them, in a pinned version.

Nothing of it is copied into this repository. Go, which fetches and verifies it, is optional: without it,
MissingPrerequisiteError says so in one line, and the test is skipped.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import subprocess
import tempfile
import zlib

from tests.lab.throwaway import MissingPrerequisiteError

_MODULE = "c2sp.org/CCTV/age"
_VERSION = "v0.0.0-20251208015420-e9274a7bdbfd"
_SUM = "h1:ZLsPO6WdZ5zatV4UfVpr7oAwLGRZ+sebTUruuM4Ra3M="  # Go's own checksum of the module's files
_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Vector:
    """One file: what an implementation has to make of ``content``."""

    name: str
    expect: str  # success, no match, HMAC failure, header failure, armor failure, payload failure
    payload: str  # SHA-256, hex, of what may be released
    identities: tuple[str, ...]
    passphrases: tuple[str, ...]
    armored: bool
    content: bytes


def vectors() -> list[Vector]:
    """All of them, by name."""
    return [_read(path) for path in sorted((_folder() / "testdata").iterdir())]


def _folder() -> pathlib.Path:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise MissingPrerequisiteError("Go is not on this machine, so the test vectors of age cannot be fetched.")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [go, "mod", "download", "-json", f"{_MODULE}@{_VERSION}"],
            check=False,
            capture_output=True,
            cwd=folder,
            text=True,
            timeout=_SECONDS,
        )
    if done.returncode:
        raise MissingPrerequisiteError(f"The test vectors of age cannot be fetched: {done.stderr.strip()[-200:]}")
    found = json.loads(done.stdout)
    assert found["Sum"] == _SUM, "these are not the vectors that were pinned"
    return pathlib.Path(found["Dir"])


def _read(path: pathlib.Path) -> Vector:
    head, _line, content = path.read_bytes().partition(b"\n\n")
    fields = [line.split(": ", 1) for line in head.decode("ascii").split("\n")]
    values = dict(fields)
    if values.get("compressed") == "zlib":
        content = zlib.decompress(content)
    return Vector(
        path.name,
        values["expect"],
        values.get("payload", ""),
        tuple(value for key, value in fields if key == "identity"),
        tuple(value for key, value in fields if key == "passphrase"),
        values.get("armored") == "yes",
        content,
    )
