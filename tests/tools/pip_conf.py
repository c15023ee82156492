# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a pip.conf that says all that pip is told on this machine, by files and by the environment.

For programs that run pip with an empty environment. What it prints may hold a password.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys


def settings() -> dict[str, dict[str, str]]:
    """Section → key → value, as ``pip config list`` gives them: the environment last, because it wins."""
    found: dict[str, dict[str, str]] = {"global": {}}
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:.")):
        name, _equals, value = line.partition("=")
        section, _dot, key = name.rpartition(".")
        found.setdefault("global" if section == ":env:" else section, {})[key] = ast.literal_eval(value)
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    if proxy:
        found["global"].setdefault("proxy", proxy)
    cache = subprocess.run(
        [sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if cache:
        found["global"].setdefault("cache-dir", cache)
    return found


if __name__ == "__main__":
    for title, values in settings().items():
        print(f"[{title}]")
        for name, value in values.items():
            print(f"{name} = " + value.replace("\n", "\n  "))
