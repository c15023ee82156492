# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan is checked without the loaders that Ansible ties to a variable."""

from __future__ import annotations

import collections
import copy
import os
import pathlib
import subprocess
import sys
import typing as t

from ansible_collections.lifeboat.dr.plugins.plugin_utils._plain import plain

COLLECTIONS = pathlib.Path(__file__).parents[3] / ".ansible" / "collections"


class Lazy(collections.UserDict[str, t.Any]):
    """A MockLazyDictionary: it must not be copied deeply."""

    def __deepcopy__(self, _memo: object) -> t.NoReturn:
        raise AssertionError("the loaders are copied too")


def test_dictionaries_and_lists_are_pythons_own_at_every_depth() -> None:
    value = Lazy(a=[Lazy(b=(1, "x")), None], c=True)
    assert plain(value) == {"a": [{"b": [1, "x"]}, None], "c": True}
    copy.deepcopy(plain(value))


def test_a_plan_is_checked_without_a_warning(tmp_path: pathlib.Path) -> None:
    playbook = tmp_path / "play.yml"
    playbook.write_text(
        "- hosts: all\n  gather_facts: false\n  vars: {plan: {app: shop, components: [{name: 1}]}}\n"
        "  tasks: [{ansible.builtin.debug: {msg: '{{ plan | lifeboat.dr.plan_errors }}'}}]\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [pathlib.Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", playbook],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_HOME": str(tmp_path),
             "LC_ALL": "C.UTF-8", "ANSIBLE_LOCALHOST_WARNING": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "repositories" in done.stdout, done.stdout + done.stderr
    assert "WARNING" not in done.stderr and "DEPRECATION" not in done.stderr, done.stderr
