# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, a restic repository and a catalog for the tests of the store ``paths``, seen without the collection's code.

``LIFEBOAT_RESTIC`` names another restic than the one in the search path, to run these tests with a newer one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import time
import typing as t

from tests.integration.backups import Keys, keys_of
from tests.integration.modules import run_module
from tests.lab import throwaway

APP, COMPONENT = "shop", "files"
PASSWORD = "correct horse battery staple"
RESTIC = os.environ.get("LIFEBOAT_RESTIC") or shutil.which("restic") or "restic"

Described = dict[bytes, tuple[t.Any, ...]]


@dataclasses.dataclass
class PathsPlace:
    """One component: what is backed up, where restic keeps it, and the catalog."""

    folder: pathlib.Path
    keys: Keys
    restic_repository: str
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def source(self) -> pathlib.Path:
        """What is backed up."""
        return self.folder / "source"

    @property
    def password_file(self) -> pathlib.Path:
        """Where the password of the restic repository is."""
        return self.folder / "restic.password"

    @property
    def _whose(self) -> dict[str, t.Any]:
        return {
            "app": APP,
            "component": COMPONENT,
            "repositories": [{"path": str(self.folder / "catalog")}],
            "restic_password_file": str(self.password_file),
            "restic_binary": RESTIC,
        }

    def backup_arguments(self, **options: t.Any) -> dict[str, t.Any]:
        """The options of ``paths_backup``."""
        given = {
            "paths": [str(self.source)],
            "restic_repository": self.restic_repository,
            "state_dir": str(self.folder / "state"),
            "encryption": self.keys.write,
        }
        return {**self._whose, **given, **options}

    def restore_arguments(self, target: t.Any, **options: t.Any) -> dict[str, t.Any]:
        """The options of ``paths_restore``; ``target`` is a folder, or the option itself."""
        where = target if isinstance(target, dict) else {"folder": str(target)}
        given = {"backup": "newest", "encryption": self.keys.read, "restic_repository": self.restic_repository}
        return {**self._whose, **given, "target": where, **options}

    def back_up(self, *, check_mode: bool = False, user: str | None = None, **options: t.Any) -> dict[str, t.Any]:
        """Run ``paths_backup``."""
        arguments = self.backup_arguments(**options)
        return run_module("paths_backup", arguments, check_mode=check_mode, environment=self.environment, user=user)

    def restore(self, target: t.Any, *, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        """Run ``paths_restore``."""
        arguments = self.restore_arguments(target, **options)
        return run_module("paths_restore", arguments, check_mode=check_mode, environment=self.environment)

    def verify(self, **options: t.Any) -> dict[str, t.Any]:
        """Run ``paths_verify``."""
        given = {
            "encryption": self.keys.read,
            "restic_repository": self.restic_repository,
            "scratch_dir": str(self.folder),
        }
        return run_module("paths_verify", {**self._whose, **given, **options}, environment=self.environment)

    def restic(self, *arguments: str, check: bool = True) -> str:
        """What restic itself says."""
        own = {"RESTIC_REPOSITORY": self.restic_repository, "RESTIC_PASSWORD_FILE": str(self.password_file)}
        environment = throwaway.base_environment({**own, **self.environment, "HOME": str(self.folder)})
        done = subprocess.run([RESTIC, *arguments], capture_output=True, text=True, check=False, env=environment)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def snapshots(self) -> list[dict[str, t.Any]]:
        """The snapshots of the restic repository."""
        found: list[dict[str, t.Any]] = json.loads(self.restic("snapshots", "--json", "--no-lock"))
        return found

    def manifests(self) -> list[pathlib.Path]:
        """The manifests of the catalog."""
        return sorted((self.folder / "catalog").glob(f"{APP}/{COMPONENT}/*/manifest.json"))


def wait_for(condition: t.Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait until the condition holds. A test that waits too long fails."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds:g} s"
        time.sleep(0.002)


def in_phase(progress: pathlib.Path, phase: str) -> t.Callable[[], bool]:
    """Whether a module's progress file says that it is in this phase."""
    return lambda: progress.exists() and f'"phase": "{phase}"' in progress.read_text(encoding="utf-8")


def new_place(folder: pathlib.Path, restic_template: pathlib.Path | None, encryption: str = "none") -> PathsPlace:
    """A place with nothing to back up yet. ``restic_template`` is an empty restic repository, which is copied."""
    place = PathsPlace(folder, keys_of(encryption, folder), str(folder / "restic"))
    place.source.mkdir()
    place.password_file.touch(mode=0o600)
    place.password_file.write_text(PASSWORD + "\n", encoding="utf-8")
    if restic_template is not None:
        shutil.copytree(restic_template, place.restic_repository)
    return place


def fill(folder: pathlib.Path) -> None:
    """Files of all kinds, with names that programs stumble over."""
    root = os.fsencode(folder)
    names = [
        b"plain",
        b"new\nline",
        b"\xff\xfe not utf-8",
        "emoji \U0001f600".encode(),
        b"st*r [1] \\ ?",
        b" blank ",
        b"-x",
    ]
    for number, name in enumerate(names):
        with open(root + b"/" + name, "wb") as file:
            file.write(name * (number * 1000 + 1))
    (folder / "empty").touch()
    (folder / "folder" / "below").mkdir(parents=True)
    (folder / "folder" / "below" / "big").write_bytes(os.urandom(3 << 20))
    (folder / "folder" / "nothing in it").mkdir(mode=0o750)
    (folder / "folder" / "secret.env").write_text("PASSWORD=geheim\n", encoding="utf-8")
    (folder / "folder" / "secret.env").chmod(0o640)
    with open(folder / "sparse", "wb") as file:
        file.truncate(5 << 20)
        file.seek(4 << 20)
        file.write(b"far out")
    os.symlink("plain", folder / "link")
    os.symlink("/nowhere", folder / "broken link")
    os.link(folder / "plain", folder / "hard link")
    os.mkfifo(folder / "pipe")
    os.setxattr(folder / "plain", "user.lifeboat", b"kept")
    os.utime(folder / "plain", ns=(10**18 + 1, 10**18 + 123456789))


def described(folder: pathlib.Path | str) -> Described:
    """Each entry's kind, mode, owner, time, extended attributes and content, and which names are one file."""
    root = os.fsencode(str(folder))
    found: Described = {}
    inodes: dict[int, bytes] = {}
    for above, folders, files in os.walk(root):
        for name in sorted(folders + files):
            path = os.path.join(above, name)
            facts = os.lstat(path)
            kind = stat.S_IFMT(facts.st_mode)
            content = os.readlink(path) if kind == stat.S_IFLNK else b""
            attributes = {}
            if kind == stat.S_IFREG:
                content = hashlib.sha256(pathlib.Path(os.fsdecode(path)).read_bytes()).digest()
                attributes = {key: os.getxattr(path, key) for key in os.listxattr(path)}
            relative = os.path.relpath(path, root)
            same_file = inodes.setdefault(facts.st_ino, relative) if kind == stat.S_IFREG else b""
            moment = 0 if kind == stat.S_IFLNK else facts.st_mtime_ns
            found[relative] = (facts.st_mode, facts.st_uid, facts.st_gid, moment, attributes, content, same_file)
    return found
