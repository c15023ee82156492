# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The how-to pages, for tests that follow them as written: their blocks, and ansible-playbook with their own tasks."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import typing as t

import yaml

ROOT = pathlib.Path(__file__).parents[2]


def blocks(page: str, language: str = "yaml") -> list[str]:
    """The blocks of a page in one language."""
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def listed(loaded: t.Any) -> list[dict[str, t.Any]]:
    """A list of tasks as it is, and nothing for the part of a task."""
    return loaded if isinstance(loaded, list) else []


def task(page: str, name: str) -> dict[str, t.Any]:
    """The task of a page with this name."""
    tasks = [found for block in blocks(page) for found in listed(yaml.safe_load(block)) if found.get("name") == name]
    assert len(tasks) == 1, f"{page}: {len(tasks)} tasks are called {name}"
    return t.cast("dict[str, t.Any]", tasks[0])


def replaced(text: str, values: t.Mapping[str, str]) -> str:
    """A text of a page with the test's own values in place of the page's."""
    for written, here in values.items():
        text = text.replace(written, here)
    return text


def environment(folder: pathlib.Path) -> dict[str, str]:
    """Of a shell in which ansible-playbook knows this collection, and this host by an inventory in the folder."""
    inventory = folder / "hosts.yml"
    inventory.write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n", encoding="ascii")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "PG"))}
    path = f"{pathlib.Path(sys.executable).parent}:{kept['PATH']}"
    return {
        **kept, "PATH": path, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(ROOT / ".ansible"),
        "ANSIBLE_INVENTORY": str(inventory),
    }  # fmt: skip


def follow(
    tasks: t.Sequence[t.Mapping[str, t.Any]],
    folder: pathlib.Path,
    *,
    values: t.Mapping[str, str],
    defaults: t.Mapping[str, t.Mapping[str, t.Any]],
    python: str,
    become: bool,
) -> list[dict[str, t.Any]]:
    """Run tasks of a page in a playbook, and give their results.

    ``values`` stand in place of the page's; ``defaults`` are, by module, what a host of one's own would have where the
    page expects it. Without ``become``, all of it is one account's.
    """
    names = [f"result_{number}" for number in range(len(tasks))]
    save = {
        "name": "Save the results",
        "ansible.builtin.copy": {"content": "{{ saved | to_json }}", "dest": str(folder / "saved.json"), "mode": "600"},
        "vars": {"saved": {name: f"{{{{ {name} }}}}" for name in names}},
    }
    registered = [{**one, "register": name} for one, name in zip(tasks, names, strict=True)]
    variables = {"ansible_become": False} if not become else {}
    play = {
        "hosts": "localhost", "gather_facts": False, "vars": {"ansible_python_interpreter": python},
        "module_defaults": {f"lifeboat.dr.{name}": dict(given) for name, given in defaults.items()},
        "tasks": [*registered, {**save, "vars": {**save["vars"], "ansible_python_interpreter": sys.executable}}],
    }  # fmt: skip
    playbook = folder / "play.yml"
    text = yaml.safe_dump([play], sort_keys=False, allow_unicode=True, width=10_000)
    playbook.write_text(replaced(text, values), encoding="utf-8")
    command = ["ansible-playbook", "--extra-vars", yaml.safe_dump(variables, default_flow_style=True), str(playbook)]
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=environment(folder), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    saved = yaml.safe_load((folder / "saved.json").read_text(encoding="utf-8"))
    return [t.cast("dict[str, t.Any]", saved[name]) for name in names]
