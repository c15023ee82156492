# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search for PostgreSQL's programs, in folders with programs that only say a version."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client import _tools
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import OLDEST_SAFE_MINOR, find_tools

Installer = t.Callable[[int, str], pathlib.Path]


@pytest.fixture
def install(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Puts a pg_dump that says this into the folder where the one of this major version would be; there are no
    others.
    """
    monkeypatch.setattr(_tools, "_FOLDERS", (f"{tmp_path}/first/{{major}}", f"{tmp_path}/second/{{major}}"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))

    def make(major: int, says: str, root: str = "second") -> pathlib.Path:
        folder = tmp_path / root / (str(major) if root != "path" else "")
        folder.mkdir(parents=True)
        program = folder / "pg_dump"
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        return folder

    return make


def test_the_programs_of_the_servers_own_major_version_are_found(install: Installer) -> None:
    install(16, "pg_dump (PostgreSQL) 16.99")
    folder = install(15, "pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)")
    tools = find_tools(15)
    assert (tools.folder, tools.version, tools.version_text) == (str(folder), (15, 20), "15.20")
    assert tools.path("pg_dump") == f"{folder}/pg_dump"


def test_one_on_the_path_is_found_when_it_has_the_right_version(install: t.Any, tmp_path: pathlib.Path) -> None:
    install(15, "pg_dump (PostgreSQL) 15.20", "path")
    assert find_tools(15).folder == str(tmp_path / "path")


def test_the_right_major_in_a_later_folder_wins_over_a_wrong_one_in_an_earlier(install: t.Any) -> None:
    install(15, "pg_dump (PostgreSQL) 14.30", "first")
    right = install(15, "pg_dump (PostgreSQL) 15.20", "second")
    assert find_tools(15).folder == str(right)


def test_another_major_alone_is_refused_by_both_versions(install: t.Any) -> None:
    install(15, "pg_dump (PostgreSQL) 17.11", "path")
    with pytest.raises(OptionError, match=r"version 17\.11, and the server runs PostgreSQL 15") as raised:
        find_tools(15)
    assert "postgresql-client-15" in raised.value.hint


def test_a_named_folder_is_the_only_one_that_is_looked_into(install: Installer, tmp_path: pathlib.Path) -> None:
    install(15, "pg_dump (PostgreSQL) 15.20")
    with pytest.raises(MissingRequirementError, match=f"not on this host in {tmp_path}/elsewhere"):
        find_tools(15, bin_dir=str(tmp_path / "elsewhere"))


def test_nothing_installed_names_the_package(install: Installer) -> None:
    with pytest.raises(MissingRequirementError, match="postgresql-client-15"):
        find_tools(15)


@pytest.mark.parametrize("says", ["pg_dump (PostgreSQL) 15beta1", "hello", ""])
def test_a_program_that_does_not_say_a_released_version_does_not_count(install: Installer, says: str) -> None:
    install(15, says)
    with pytest.raises(MissingRequirementError):
        find_tools(15)


@pytest.mark.parametrize(("major", "safe"), OLDEST_SAFE_MINOR.items())
def test_a_version_with_a_known_hole_is_refused_up_to_the_one_that_closes_it(
    install: Installer, major: int, safe: int
) -> None:
    folder = install(major, f"pg_dump (PostgreSQL) {major}.{safe - 1}")
    with pytest.raises(OptionError, match=rf"{major}\.{safe - 1}, which has known security holes") as raised:
        find_tools(major)
    assert f"{major}.{safe} or later" in raised.value.hint
    assert find_tools(major, allow_vulnerable=True).version == (major, safe - 1)
    (folder / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.{safe}'\n")
    assert find_tools(major).version == (major, safe)


def test_a_major_that_nobody_maintains_any_more_is_refused_unless_allowed(install: Installer) -> None:
    install(13, "pg_dump (PostgreSQL) 13.23")
    with pytest.raises(OptionError, match="known security holes"):
        find_tools(13)
    assert find_tools(13, allow_vulnerable=True).version == (13, 23)


def test_a_major_newer_than_the_list_of_holes_is_taken(install: Installer) -> None:
    install(19, "pg_dump (PostgreSQL) 19.0")
    assert find_tools(19).version == (19, 0)


def test_a_server_that_is_too_old_is_refused_before_any_search() -> None:
    with pytest.raises(OptionError, match="PostgreSQL 11"):
        find_tools(11)


def test_a_program_that_is_missing_beside_the_others_names_its_package(install: Installer) -> None:
    install(15, "pg_dump (PostgreSQL) 15.20")
    tools = find_tools(15)
    with pytest.raises(MissingRequirementError, match="package postgresql-15"):
        tools.path("initdb")
    with pytest.raises(MissingRequirementError, match="package postgresql-client-15"):
        tools.path("pg_restore")
