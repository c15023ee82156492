# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive that people install: built, installed where nothing of the repository is, and used for a backup."""

from __future__ import annotations

import getpass
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile

import pytest

from tests.lab.postgres import Database

ROOT = pathlib.Path(__file__).parents[2]
_BELOW = {"LICENSES", "changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles"}
_LARGEST = 200_000


def _run(command: list[str], home: pathlib.Path) -> str:
    """Run a program of Ansible's from a home of its own, with nothing that leads to the repository."""
    program = pathlib.Path(sys.executable).with_name(command[0])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON", "PG"))}
    done = subprocess.run(
        [str(program), *command[1:]],
        cwd=home,
        env={**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The built archive."""
    folder = tmp_path_factory.mktemp("archive")
    _run(["ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT)], folder)
    return next(folder.glob("lifeboat-dr-*.tar.gz"))


def test_the_archive_holds_what_a_user_needs_and_nothing_else(archive: pathlib.Path) -> None:
    with tarfile.open(archive) as opened:
        files = [member for member in opened.getmembers() if member.isfile()]
    folders = {member.name.split("/")[0] for member in files if "/" in member.name}
    assert folders == _BELOW
    assert not [member.name for member in files if re.search(r"\.(pyc|key|pem|log)$|/\.", member.name)]
    assert not [
        (member.name, member.size) for member in files if member.size > _LARGEST and member.name != "FILES.json"
    ]


def test_a_backup_is_made_by_the_installed_archive_alone(
    archive: pathlib.Path, tmp_path: pathlib.Path, database: Database
) -> None:
    installed = tmp_path / ".ansible" / "collections"
    _run(["ansible-galaxy", "collection", "install", "--offline", "-p", str(installed), str(archive)], tmp_path)
    plan = {
        "app": "shop",
        "run_as": getpass.getuser(),
        "repositories": [{"path": str(tmp_path / "backups")}],
        "components": [{"name": "codex", "engine": "postgresql", "dsn": database.dsn(), "max_age": "1h"}],
    }
    python = tmp_path / "home" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    variables = tmp_path / "variables.json"
    variables.write_text(json.dumps({"lifeboat_plan": plan, "lifeboat_home": str(tmp_path / "home")}), encoding="utf-8")
    play = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{variables}", "lifeboat.dr.backup_run"]
    assert "changed=1" in _run(play, tmp_path)
    assert "changed=0" in _run(play, tmp_path)
    manifest = next((tmp_path / "backups").glob("shop/codex/*/manifest.json"))
    assert manifest.is_relative_to(tmp_path)
    assert not any(str(ROOT) in line for line in manifest.read_text(encoding="utf-8").splitlines())
