# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packs the collection, as far as a host needs it, into an archive whose bytes depend on nothing but the content.

Arguments: the collection, and the folder for the archive. Prints a JSON object: ``archive``, its path, and ``release``,
a hash of it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile

# galaxy.yml in a checkout, MANIFEST.json in an installed collection: both tell Ansible the version.
FILES = (
    "galaxy.yml",
    "MANIFEST.json",
    "FILES.json",
    "LICENSE",
    "README.md",
)
FOLDERS = ("meta", "playbooks", "plugins", "roles")
LAST = ".complete"  # unpacked last, so that its presence says that all the rest is there


def main(root: pathlib.Path, folder: pathlib.Path) -> None:
    """Pack what lies under ``root`` into ``folder``."""
    content = gzip.compress(_tar(root), compresslevel=6, mtime=0)
    release = hashlib.sha256(content).hexdigest()[:16]
    archive = folder / f"lifeboat-dr-{release}.tar.gz"
    archive.write_bytes(content)
    print(json.dumps({"archive": str(archive), "release": release}))


def _tar(root: pathlib.Path) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in _members(root):
            name = str(path.relative_to(root))
            if path.is_dir():
                tar.addfile(_member(name, tarfile.DIRTYPE, 0o755))
            else:
                content = path.read_bytes()
                tar.addfile(_member(name, tarfile.REGTYPE, 0o644, len(content)), io.BytesIO(content))
        tar.addfile(_member(LAST, tarfile.REGTYPE, 0o644))
    return target.getvalue()


def _members(root: pathlib.Path) -> list[pathlib.Path]:
    """Every folder stands before what it holds."""
    inside = [path for name in FOLDERS for path in [root / name, *(root / name).rglob("*")]]
    return sorted(
        path for path in [root / name for name in FILES] + inside if path.exists() and "__pycache__" not in path.parts
    )


def _member(name: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size = kind, mode, size
    return member


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
