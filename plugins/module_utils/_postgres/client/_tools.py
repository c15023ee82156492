# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Finds PostgreSQL's own programs: those of the server's major version, and none with a known security hole."""

from __future__ import annotations

import os
import re
import shutil
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import MissingRequirementError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._programs._process import run

# The first minor release of each major that is not open to CVE-2026-6477 (a hostile server overwrites the client's
# stack through large objects; pg_dump, psql) and the older CVE-2025-8714 and CVE-2025-8715 (a hostile source database
# runs code at restore).
OLDEST_SAFE_MINOR = {14: 23, 15: 18, 16: 14, 17: 10, 18: 4}
OLDEST_MAJOR = 12  # exported snapshots, archive version 1.14
_FOLDERS = (
    "/usr/lib/postgresql/{major}/bin",
    "/usr/pgsql-{major}/bin",
    "/usr/local/pgsql-{major}/bin",
    "/opt/homebrew/opt/postgresql@{major}/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)\.(\d+)")


class Tools:
    """PostgreSQL's programs of one major version, in one folder."""

    def __init__(self, folder: str, version: tuple[int, int]) -> None:
        self.folder = folder
        self.version = version

    @property
    def version_text(self) -> str:
        """Such as ``15.20``."""
        return f"{self.version[0]}.{self.version[1]}"

    def path(self, program: str) -> str:
        """The program's path. Raises MissingRequirementError."""
        path = os.path.join(self.folder, program)
        if not os.access(path, os.X_OK):
            package = "postgresql" if program in ("initdb", "postgres", "pg_ctl") else "postgresql-client"
            raise MissingRequirementError(
                f"{program} of PostgreSQL {self.version[0]} is not in {self.folder}.",
                hint=f"Install the package {package}-{self.version[0]}.",
            )
        return path


def find_tools(
    major: int, *, bin_dir: str | None = None, allow_vulnerable: bool = False, program: str = "pg_dump"
) -> Tools:
    """The programs for a server of this major version.

    Raises MissingRequirementError or OptionError before anything is touched.
    """
    if major < OLDEST_MAJOR:
        raise OptionError(
            f"The server runs PostgreSQL {major}; versions from {OLDEST_MAJOR} on can be backed up.",
            hint="Upgrade the server; that version is out of support.",
        )
    tools = _tools_in(bin_dir, program) if bin_dir else _search(major, program)
    if tools is None:
        raise MissingRequirementError(
            f"{program} of PostgreSQL {major} is not on this host{' in ' + bin_dir if bin_dir else ''}.",
            hint=f"Install the package postgresql-client-{major}, or name its folder in bin_dir.",
        )
    if tools.version[0] != major:
        raise OptionError(
            f"{tools.path(program)} is version {tools.version_text}, and the server runs PostgreSQL {major}: an older "
            "pg_dump stops, and "
            "what a newer one writes may not load into the server it came from.",
            hint=f"Install the package postgresql-client-{major}, or name its folder in bin_dir.",
        )
    if not allow_vulnerable:
        _refuse_vulnerable(tools, program)
    return tools


def _refuse_vulnerable(tools: Tools, program: str) -> None:
    major, minor = tools.version
    safe = OLDEST_SAFE_MINOR.get(major)
    if safe is None and major > max(OLDEST_SAFE_MINOR):
        return
    if safe is None or minor < safe:
        remedy = f"{major}.{safe} or later" if safe else "a major version that is still maintained (14 or later)"
        raise OptionError(
            f"{tools.path(program)} is version {tools.version_text}, which has known security holes (CVE-2026-6477, "
            "CVE-2025-8714): a "
            "hostile server could take over the account that runs the backup.",
            hint=f"Install {remedy}, or set allow_vulnerable_client if you trust the server.",
        )


def _search(major: int, program: str) -> Tools | None:
    on_path = shutil.which(program)
    folders = [pattern.format(major=major) for pattern in _FOLDERS]
    if on_path:
        folders.append(os.path.dirname(os.path.realpath(on_path)))
    found: t.Iterator[Tools | None] = (_tools_in(folder, program) for folder in folders)
    candidates = [tools for tools in found if tools]
    return next((tools for tools in candidates if tools.version[0] == major), candidates[0] if candidates else None)


def _tools_in(folder: str, program: str) -> Tools | None:
    path = os.path.join(folder, program)
    if not os.access(path, os.X_OK):
        return None
    match = _VERSION.search(run([path, "--version"]))
    return Tools(folder, (int(match.group(1)), int(match.group(2)))) if match else None
