# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tutorial, followed as it is written: each of its commands, in one shell, by an account that is not root."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

from tests.lab import throwaway
from tests.lab.postgres import unprivileged_account

ROOT = pathlib.Path(__file__).parents[2]
_FAILS = "## 6. Break it"


def commands(archive: pathlib.Path) -> str:
    """The blocks of the page as one script; what is to fail has to fail."""
    script = ["set -euo pipefail", "say() { printf '\\n=== %s\\n' \"$*\"; }"]
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    for section in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        for block in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            body = block.replace("collection install lifeboat.dr\n", f"collection install --offline {archive}\n")
            assert (body != block) == ("ansible-galaxy" in block)
            if section.startswith(_FAILS):
                body = re.sub(r"^(ansible-playbook .*)$", r"if \1; then exit 9; fi", body, flags=re.MULTILINE)
            script += [f"say '{section.splitlines()[0]}'", body]
    return "\n".join(script)


def test_the_tutorial_works_as_it_is_written() -> None:
    folder = throwaway.Folder("tutorial", user=unprivileged_account())
    try:
        home = pathlib.Path(folder.path)
        built = home / "archive"
        galaxy = [
            str(pathlib.Path(sys.executable).with_name("ansible-galaxy")),
            "collection",
            "build",
            "--output-path",
            str(built),
            str(ROOT),
        ]
        subprocess.run(galaxy, check=True, capture_output=True, timeout=120)
        archive = next(built.glob("*.tar.gz"))
        script = home / "tutorial.sh"
        script.write_text(commands(archive), encoding="utf-8")
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        done = subprocess.run(
            ["bash", str(script)],
            cwd=home,
            env={**pip, "HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=500,
            check=False,
            **throwaway.identity(unprivileged_account()),
        )
        said = done.stdout
        assert done.returncode == 0, said
        assert not (home / "boat").exists()
    finally:
        folder.remove()
    assert "[WARNING]" not in said, said
    assert said.count("changed=1") == 7, said  # backed up and proven, twice, restored, and backed up on two hosts
    fleet = said.partition("## 9")[2]
    assert "WARNING  db1   shop/codex" in fleet and "WARNING  db2   shop/ledger" in fleet, fleet
    assert "2 components: 2 warning." in fleet and "GOOD    db1: codex" in fleet, fleet
    assert fleet.count("What this plan does not protect: 7 gaps") == 2, "the plan of two other hosts, which nobody asks"
    assert re.search(r"^\s+100000$", said, re.MULTILINE), "the rows are back"
    assert "pg_restore" in said.partition("## 8")[2], "the commands that restore it by hand"
    broken = said.partition("## 6")[2].partition("## 7")[0]
    assert "is not what was written" in broken or "does not" in broken, broken
