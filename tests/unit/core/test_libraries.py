# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host without the libraries is told: all of them at once, and what works there."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import sysconfig

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core import _libraries
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError
from packaging.requirements import Requirement

ROOT = pathlib.Path(__file__).parents[3]
_CODE = """
import sys
sys.path[:0] = {path!r}
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._connection import import_psycopg2
from ansible_collections.lifeboat.dr.plugins.module_utils._s3api._s3_client import S3Settings, make_service_client
for work in (import_psycopg2, lambda: make_service_client(None, "s3")):
    try:
        work()
    except Exception as error:
        print(type(error).__name__, error)
"""


def pins(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_library_of_the_requirements_is_known_and_no_other() -> None:
    assert set(_libraries.DISTRIBUTIONS.values()) == pins("requirements.txt")


def test_the_role_installs_the_same_requirements() -> None:
    for name in ("requirements.txt", "requirements-runner.txt"):
        copy = ROOT / "roles" / "backup" / "files" / name
        assert copy.read_bytes() == (ROOT / name).read_bytes(), f"cp {name} roles/backup/files/"


def test_an_execution_environment_gets_every_library_in_a_range_that_holds_the_tested_version() -> None:
    lines = (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8").splitlines()
    ranges = {one.name: one.specifier for one in map(Requirement, (line for line in lines if line[:1].isalpha()))}
    tested = dict(
        re.findall(r"^([a-z0-9-]+)==([0-9.]+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert ranges.keys() == tested.keys()
    assert [name for name, version in tested.items() if version not in ranges[name]] == []


def test_an_interpreter_without_libraries_is_told_all_of_them_at_once() -> None:
    """Python as it comes: -I and -S leave only its own library."""
    code = _CODE.format(path=[str(ROOT / ".ansible" / "collections")])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stdout + done.stderr
    for line, library in zip(lines, ("psycopg2", "boto3"), strict=True):
        assert line.startswith(f"MissingRequirementError The Python library {library} is needed for ")
        assert set(_libraries.DISTRIBUTIONS.values()) <= set(re.findall(r"[a-z0-9-]+", line)), line


def test_where_nothing_is_missing_nothing_is_named() -> None:
    assert _libraries.missing_libraries() == []
    with pytest.raises(
        MissingRequirementError, match=r"no_such_library is needed for tea, .* pip install no_such_libr"
    ):
        _libraries.load_library("no_such_library", "tea")


@pytest.mark.parametrize("environment", [False, True])
def test_an_interpreter_of_the_system_needs_an_environment(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, environment: bool
) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", "/usr" if environment else sys.prefix)
    words = _libraries.installation(["boto3", "nkeys"])
    if environment:
        assert words.endswith(f"{sys.executable} -m pip install boto3 nkeys")
    else:
        assert "PEP 668" in words and f"{sys.executable} -m venv /opt/lifeboat-venv" in words
        assert "/opt/lifeboat-venv/bin/pip install boto3 nkeys" in words and "ansible_python_interpreter" in words
