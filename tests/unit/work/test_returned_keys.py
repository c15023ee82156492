# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No module returns a key that Ansible reads for itself."""

from __future__ import annotations

import ast
import pathlib
import typing as t

import pytest
import yaml

MODULES = sorted((pathlib.Path(__file__).parents[3] / "plugins" / "modules").glob("*.py"))
# A host with `unreachable` is dropped from the play, `skipped` makes a task one that did not run, and so on.
RESERVED = {
    *("unreachable", "skipped", "failed", "changed", "invocation", "exception", "warnings", "deprecations", "retries"),
    *("ansible_facts", "ansible_job_id", "ansible_included_var_files", "add_host", "add_group", "results", "attempts"),
    *(
        "finished",
        "started",
        "censored",
        "failed_when_result",
        "results_file",
        "item",
        "module_stderr",
        "module_stdout",
    ),
}


def _documented(module: pathlib.Path) -> dict[str, t.Any]:
    texts = {
        target.id: node.value.value
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    returned: dict[str, t.Any] = yaml.safe_load(str(texts["RETURN"])) or {}
    return returned


def _all_keys(returned: dict[str, t.Any]) -> t.Iterator[str]:
    for key, described in returned.items():
        yield key
        yield from _all_keys(described.get("contains") or {})


@pytest.mark.parametrize("module", MODULES, ids=[path.stem for path in MODULES])
def test_no_module_documents_a_key_of_ansible_as_its_own(module: pathlib.Path) -> None:
    returned = set(_documented(module))
    assert returned and returned & RESERVED == set()
    assert not {key for key in returned if key.startswith(("ansible_", "_ansible_"))}


@pytest.mark.parametrize("module", MODULES, ids=[path.stem for path in MODULES])
def test_every_key_can_be_reached_with_a_dot_in_a_template(module: pathlib.Path) -> None:
    """``result.keys`` is a method of the dictionary, not what the module returned."""
    assert not set(_all_keys(_documented(module))) & set(dir(dict))
