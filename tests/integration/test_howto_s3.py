# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The how-to pages about buckets, followed as written: their own YAML is run by ansible-playbook, on a real server.

Only three things are not as written. The environment leads to the test's server, as it would lead to a server of one's
own; points in time and folders of the pages become those of the test.
"""

from __future__ import annotations

import datetime
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest
import yaml

from tests.integration.howtos import ROOT, blocks, task
from tests.lab.objectstore import ObjectStore

SOURCE, DESTINATION = "shop-chunks", "shop-chunks-dr"


def part(page: str, option: str) -> dict[str, t.Any]:
    """The block of a page that is a part of a task, by one of its options: what a reader writes in place of options of
    the task above.
    """
    parts = [found for block in blocks(page) if isinstance(found := yaml.safe_load(block), dict) and option in found]
    assert len(parts) == 1, f"{page}: {len(parts)} parts have {option}"
    return t.cast("dict[str, t.Any]", parts[0])


class Reader:
    """Somebody who follows the pages."""

    def __init__(self, store: ObjectStore, folder: pathlib.Path) -> None:
        self.store = store
        self.folder = folder
        self.replaced = {"/var/lib/lifeboat": str(folder), "/var/lib/node_exporter": str(folder)}

    def follow(self, *tasks: t.Any, check: bool = False) -> dict[str, t.Any]:
        """Run tasks in a playbook. Gives what they have registered."""
        saved = self.folder / "saved.yml"
        names = [found["register"] for found in tasks if "register" in found]
        save = {
            "ansible.builtin.copy": {"content": "{{ saved | to_json }}", "dest": str(saved), "mode": "0600"},
            "check_mode": False,
        }
        save["vars"] = {"saved": {name: f"{{{{ {name} }}}}" for name in names}}
        modules = ("lifeboat.dr.s3_replication", "lifeboat.dr.s3_recover")
        defaults = {module: {"state_dir": str(self.folder)} for module in modules}
        play = {"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": [*tasks, save]}
        text = yaml.safe_dump([play], sort_keys=False, allow_unicode=True, width=10_000)
        for written, here in self.replaced.items():
            text = text.replace(written, here)
        playbook = self.folder / "play.yml"
        playbook.write_text(text, encoding="utf-8")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_"))}
        command = [
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            "--inventory",
            "localhost,",
            "--connection",
            "local",
        ]
        command += [
            "--extra-vars",
            f"ansible_python_interpreter={sys.executable}",
            *(["--check"] if check else []),
            str(playbook),
        ]
        played = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            env={
                **inherited,
                **self.store.environment,
                "AWS_ENDPOINT_URL": self.store.endpoint_url,
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_HOME": str(ROOT / ".ansible"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert played.returncode == 0, f"{text}\n{played.stdout}{played.stderr}"
        return t.cast("dict[str, t.Any]", yaml.safe_load(saved.read_text(encoding="utf-8")))

    def keys(self, bucket: str) -> list[str]:
        """What is there."""
        return sorted(self.store.sizes(bucket))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Reader]:
    """With the two buckets of the pages, in their regions, and objects from before."""
    with ObjectStore() as store:
        store.make_bucket(SOURCE)
        store.client.create_bucket(Bucket=DESTINATION, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        for number in range(5):
            store.write(SOURCE, f"chunks/{number}", b"content")
        reader = Reader(store, tmp_path_factory.mktemp("howto"))
        yield reader


def stamp(when: datetime.datetime) -> str:
    """As the pages write points in time."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_replicate_a_bucket(reader: Reader) -> None:
    """Page replicate-buckets: steps 1 to 4."""
    configure = task("replicate-buckets", "Replicate the chunks to the other region")
    resync = task("replicate-buckets", "Bring what was there before")
    assert reader.follow(configure, check=True)["replication"]["changed"]
    resync["lifeboat.dr.s3_recover"]["grace"] = "0s"  # the page's objects are older than those of this test
    again = {**configure, "register": "again"}
    found = reader.follow(configure, again, {**resync, "register": "resync"})
    assert found["replication"]["requires_resync"] and not found["again"]["changed"] and found["resync"]["changed"]
    assert reader.keys(DESTINATION) == reader.keys(SOURCE) != []


def test_prove_it(reader: Reader) -> None:
    """Page prove-replication: every night, every five minutes, every week, and the alert."""
    nightly = task("prove-replication", "Compare the bucket with its replica")
    canary = task("prove-replication", "Send a canary")
    alert = task("prove-replication", "Show the numbers to Prometheus")
    weekly = {**task("prove-replication", "Read 200 objects on both sides"), "register": "weekly", "failed_when": False}
    found = reader.follow(nightly, canary, alert, weekly)
    assert found["replica"]["verdict"] == found["canary"]["verdict"] == found["weekly"]["verdict"] == "in_sync"
    assert found["weekly"]["compared"]["sample"]["same"] > 0
    metrics = (reader.folder / "shop-chunks.prom").read_text(encoding="utf-8")
    names = [
        name for block in blocks("prove-replication") for name in re.findall(r"expr:.*(s3_replication_\w+)", block)
    ]
    assert len(names) == 2 and all(f"\n{name}{{" in metrics for name in names)
    planned = reader.follow({key: value for key, value in nightly.items() if key != "failed_when"}, check=True)
    assert planned["replica"]["planned"]["requests"]


def test_undo_a_mass_deletion_and_take_that_back(reader: Reader) -> None:
    """Page undelete: steps 2 to 4, and taking it back."""
    before = reader.keys(SOURCE)
    now = datetime.datetime.now(datetime.UTC)
    reader.replaced["2026-01-15T02:00:00Z"] = stamp(now - datetime.timedelta(minutes=1))
    reader.replaced["2026-01-15T02:30:00Z"] = stamp(now + datetime.timedelta(hours=1))
    for bucket in (SOURCE, DESTINATION):
        for key in before:
            reader.store.client.delete_object(Bucket=bucket, Key=key)
    undelete = task("undelete", "Bring back what was deleted")
    assert reader.follow(undelete, check=True)["undeleted"]["undeleted"] == {
        "source": len(before),
        "destination": len(before),
    }
    assert reader.keys(SOURCE) == []
    found = reader.follow(undelete, {**undelete, "register": "again"})
    assert found["undeleted"]["changed"] and not found["again"]["changed"]
    assert reader.keys(SOURCE) == reader.keys(DESTINATION) == before
    options = {key: undelete["lifeboat.dr.s3_recover"][key] for key in ("source", "destination")}
    options |= part("undelete", "revert_journal") | {"revert_journal": found["undeleted"]["journal_path"]}
    revert = {"lifeboat.dr.s3_recover": options, "register": "reverted"}
    reverted = reader.follow(revert)["reverted"]
    assert reverted["reverted"] == {"source": len(before), "destination": len(before)}, reverted
    assert reader.keys(SOURCE) == []
    reader.follow(undelete)


def test_fail_back(reader: Reader) -> None:
    """Page fail-back: steps 2 to 6."""
    reader.store.write(DESTINATION, "chunks/written-there", b"content")
    back = task("fail-back", "Bring back what was written to the other region")
    assert reader.follow(back, check=True)["back"]["copied"]["objects"] == 1
    again = {**back, "register": "again"}
    start = {**task("replicate-buckets", "Replicate the chunks to the other region"), "register": "start"}
    found = reader.follow(back, again, task("prove-replication", "Compare the bucket with its replica"), start)
    assert found["back"]["paused_rules"] == ["ReplicateChunks"]
    assert found["back"]["changed"] and not found["again"]["changed"] and found["start"]["changed"]
    assert "chunks/written-there" in reader.keys(SOURCE)
