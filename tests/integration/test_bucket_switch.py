# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role bucket_switch, run by ansible-playbook against a real server: what it refuses, writes down, tells, and takes
back.
"""

from __future__ import annotations

import getpass
import grp
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import typing as t

import pytest

from tests.integration.bucket_pairs import Pair, fresh_pair
from tests.lab.objectstore import ObjectStore

ROOT = pathlib.Path(__file__).parents[2]
SECRET = "lab+secret/0123456789"  # of bucket_pairs
RULES = [{"id": "all"}]
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  roles: [lifeboat.dr.bucket_switch]
  handlers:
    - name: Restart the application
      ansible.builtin.debug: {msg: "restarted with {{ bucket_switch_active.bucket }}"}
"""
TOLD = """
- name: Tell the application
  ansible.builtin.copy: {content: "{{ bucket_switch_active | to_json }}", dest: "{{ folder }}/told.json", mode: "0600"}
"""


class Application:
    """Its settings, and the variables of the role."""

    def __init__(self, pair: Pair, folder: pathlib.Path) -> None:
        self.pair = pair
        self.folder = folder
        self.settings = folder / "bucket.env"
        self.journal = folder / "switches" / f"switch@{pair.source}.jsonl"
        (folder / "switch.yml").write_text(PLAYBOOK, encoding="utf-8")
        (folder / "tell.yml").write_text(TOLD, encoding="utf-8")
        self.variables: dict[str, t.Any] = {
            "folder": str(folder),
            "ansible_python_interpreter": sys.executable,
            "bucket_switch_source": pair.side(pair.source),
            "bucket_switch_destination": pair.side(pair.destination, storage_class="STANDARD_IA"),
            "bucket_switch_confirm_bucket": pair.source,
            "bucket_switch_state_dir": str(self.journal.parent),
            "bucket_switch_settings_file": str(self.settings),
            "bucket_switch_settings_owner": getpass.getuser(),
            "bucket_switch_settings_group": grp.getgrgid(os.getgid()).gr_name,
            "bucket_switch_notify": ["Restart the application"],
            "bucket_switch_tasks": str(folder / "tell.yml"),
            "bucket_switch_rules": RULES,
        }

    def play(self, *options: str, **more: t.Any) -> tuple[int, str]:
        """Run the role. The exit code, and what was said."""
        variables = self.folder / "variables.json"
        given = {**self.variables, **{f"bucket_switch_{name}": value for name, value in more.items()}}
        variables.write_text(json.dumps(given), encoding="utf-8")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_"))}
        command = [
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            "--inventory",
            "localhost,",
            "--connection",
            "local",
        ]
        played = subprocess.run(
            [*command, "--extra-vars", f"@{variables}", *options, str(self.folder / "switch.yml")],
            check=False,
            cwd=ROOT,
            env={**inherited, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(ROOT / ".ansible")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        said = played.stdout + played.stderr
        assert SECRET not in said
        return played.returncode, said

    def changes(self, *options: str, **more: t.Any) -> int:
        """How many tasks have changed something. The run must succeed."""
        code, said = self.play(*options, **more)
        recap = re.search(r"changed=(\d+).*failed=0", said)
        assert code == 0 and recap, said
        return int(recap[1])

    def refused(self, *options: str, **more: t.Any) -> str:
        """What was said, in one line. The run must fail, and have changed nothing."""
        code, said = self.play(*options, **more)
        assert code == 2 and "changed=0" in said, said
        return " ".join(said.split())

    @property
    def bucket(self) -> str:
        """The bucket that it would use."""
        (found,) = re.findall(r"^S3_BUCKET=(.*)$", self.settings.read_text(encoding="utf-8"), re.MULTILINE)
        return str(found)

    @property
    def events(self) -> list[dict[str, t.Any]]:
        """What the journal says."""
        return [json.loads(line) for line in self.journal.read_text(encoding="utf-8").splitlines()]

    @property
    def rule(self) -> str:
        """Whether the rule works."""
        (rule,) = self.pair.rules()
        return str(rule["Status"])


@pytest.fixture
def application(object_store: ObjectStore, tmp_path: pathlib.Path) -> t.Iterator[Application]:
    """An application on a replicated pair with three objects."""
    with fresh_pair(object_store, tmp_path) as pair:
        pair.run(lifecycle=None, object_lock=None, rules=RULES)
        for number in range(3):
            pair.store.write(pair.source, f"chunks/{number}", b"content")
        yield Application(pair, tmp_path)


def test_the_application_goes_there_and_back(application: Application) -> None:
    pair = application.pair
    code, said = application.play("-vvv")
    assert code == 0 and f"restarted with {pair.destination}" in said, said
    assert application.bucket == pair.destination and application.rule == "Disabled"
    told = json.loads((application.folder / "told.json").read_text(encoding="utf-8"))
    assert told == {"side": "destination", "bucket": pair.destination, "region": "", "endpoint_url": pair.endpoint_url}
    assert [(event["event"], event["to"], event["loss"]) for event in application.events] == [
        ("switching", told, 0),
        ("switched", told, 0),
    ]
    assert stat.S_IMODE(application.journal.stat().st_mode) == 0o600
    pair.store.write(pair.destination, "chunks/new", b"written there")
    assert application.changes() == 0

    assert "1 objects of" in (said := application.refused(to="source")) and "failed_back" in said
    assert application.bucket == pair.destination and application.rule == "Disabled"
    assert pair.run(state="failed_back", confirm_bucket=pair.source, rules=None, lifecycle=None, object_lock=None)[
        "changed"
    ]
    assert application.changes(to="source") > 0
    assert application.bucket == pair.source and application.rule == "Enabled"
    assert [event["event"] for event in application.events] == ["switching", "switched"] * 2


def test_it_does_not_take_nothing_for_good(application: Application) -> None:
    said = application.refused(prefix="chunk5/")
    assert "Nothing was compared" in said and "bucket_switch_allow_empty" in said
    assert application.rule == "Enabled"
    assert application.changes() > 0
    assert "Nothing was compared" in application.refused(to="source", prefix="chunk5/")
    assert application.bucket == application.pair.destination


def test_it_does_not_go_where_something_is_missing(application: Application) -> None:
    pair = application.pair
    pair.store.client.delete_object(Bucket=pair.destination, Key="chunks/1")
    pair.store.write(pair.destination, "chunks/2", b"another")
    said = application.refused()
    assert (
        "2 objects of" in said and "chunks/1" in said and "chunks/2" in said and "bucket_switch_max_loss is 0" in said
    )
    assert application.changes("--check", max_loss=2) > 0
    assert application.rule == "Enabled" and not application.settings.exists() and not application.journal.exists()
    assert application.changes(max_loss=2) > 0
    assert application.bucket == pair.destination
    assert (application.events[-1]["loss"], application.events[-1]["max_loss"]) == (2, 2)


def test_it_leaves_a_source_that_is_gone_only_when_told_so(application: Application) -> None:
    source = application.variables["bucket_switch_source"]
    application.variables["bucket_switch_source"] = {**source, "endpoint_url": "http://127.0.0.1:1", "retries": 0}
    assert "bucket_switch_confirm_bucket" in application.refused(
        without_comparing=True, confirm_bucket=application.pair.destination
    )
    assert application.changes(without_comparing=True) > 0
    assert application.bucket == application.pair.destination
    assert application.events[-1]["compared"] is False and application.events[-1]["loss"] is None
    application.variables["bucket_switch_source"] = source
    assert (application.rule, application.changes(), application.rule) == ("Enabled", 1, "Disabled")
