# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds that other collections' modules carry out. Route 53 is emulated here (ministack), and moves; no engine of
Compose and no cluster of Kubernetes is at hand, so of these it is shown that their real modules take what they are
given, and end only where an engine or a cluster would be asked. Beside them, what single tasks of the role wait for.
"""

from __future__ import annotations

import base64
import collections.abc
import json
import os
import pathlib
import socketserver
import subprocess
import sys
import threading
import typing as t

import boto3
import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._heartbeats import beat_once

from tests.lab import throwaway
from tests.lab.objectstore import ObjectStore

ROOT = pathlib.Path(__file__).parents[2]
OLD, NEW, STRANGER = "192.0.2.1", "198.51.100.7", "203.0.113.9"
PLAY = """
- name: Take tasks of the role
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Begin as a step does
      ansible.builtin.set_fact: {failover_facts: {}}
    - name: Each of them
      ansible.builtin.include_tasks: one.yml
      loop: "{{ wanted }}"
      loop_control: {loop_var: one}
"""
ONE = """
- name: Take it, whatever comes of it
  block:
    - name: Take it
      ansible.builtin.include_role:
        name: lifeboat.dr.failover
        tasks_from: "{{ one.tasks }}"
      vars:
        failover_entry: "{{ one.entry }}"
        failover_region: ams
        failover_running: "{{ one.running | default(true) }}"
    - name: Say so
      ansible.builtin.debug: {msg: "SAID {{ one.name }}: done"}
  rescue:
    - name: Say why not
      ansible.builtin.debug: {msg: "SAID {{ one.name }}: {{ why.msg }}"}
      vars: {why: "{{ (ansible_failed_result.results | default([ansible_failed_result])) | first }}"}
"""

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: shop
clusters: [{name: shop, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: shop, context: {cluster: shop, user: shop}}]
users: [{name: shop, user: {token: none}}]
"""


def take(
    folder: pathlib.Path, wanted: list[dict[str, t.Any]], environment: dict[str, str], **more: t.Any
) -> tuple[str, list[str]]:
    """What the play says, and the tasks that changed something. ``more`` are variables of the role."""
    (folder / "play.yml").write_text(PLAY, encoding="utf-8")
    (folder / "one.yml").write_text(ONE, encoding="utf-8")
    given = {
        "wanted": wanted,
        "failover_source": {"region": "fra"},
        "failover_target": {"region": "ams"},
        "ansible_python_interpreter": sys.executable,
        **more,
    }
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", json.dumps(given), str(folder / "play.yml")]
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / '.ansible/collections'}:{_installed()}",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **environment,
    }
    done = subprocess.run(
        command, env=throwaway.base_environment(settings), cwd=folder, capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    return said, [line for line in done.stdout.splitlines() if line.startswith("changed:")]


def _installed() -> pathlib.Path:
    """Where the package ansible has its collections."""
    import ansible_collections.amazon.aws as found  # type: ignore[import-not-found]

    return pathlib.Path(next(iter(found.__path__))).parents[2]


@pytest.fixture
def route53(object_store: ObjectStore) -> tuple[t.Any, str]:
    """A client of the emulated Route 53, and a zone in it with the record of the old region."""
    keys = {"aws_access_key_id": object_store.access_key, "aws_secret_access_key": object_store.secret_key}
    client = boto3.client("route53", endpoint_url=object_store.endpoint_url, region_name="us-east-1", **keys)
    zone = client.create_hosted_zone(Name="shop.test.", CallerReference=throwaway.__name__)["HostedZone"]["Id"]
    change = {"Name": "www.shop.test.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": OLD}]}
    client.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": change}]}
    )
    return client, zone


def test_the_emulated_route_53_moves_once_and_refuses_what_somebody_else_has_changed(
    route53: tuple[t.Any, str], object_store: ObjectStore, tmp_path: pathlib.Path
) -> None:
    client, zone = route53
    entry = {"kind": "route53", "zone": "shop.test", "record": "www.shop.test", "type": "A", "ttl": 30,
             "endpoint_url": object_store.endpoint_url, "addresses": {"fra": [OLD], "ams": [NEW]}}  # fmt: skip
    foreign = {**entry, "addresses": {"fra": [OLD], "ams": [STRANGER]}}
    wanted = [
        {"name": name, "tasks": "traffic/route53.yml", "entry": one}
        for name, one in (("moved", entry), ("again", entry), ("foreign", foreign))
    ]
    said, changed = take(tmp_path, wanted, object_store.environment)
    assert "SAID moved: done" in said and "SAID again: done" in said, said
    assert "Somebody else has changed it. Nothing was changed." in said, said
    assert len(changed) == 1, "the second time there is nothing to do, and what is foreign is left alone"
    records = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (record,) = [one for one in records if one["Name"] == "www.shop.test."]
    assert ([one["Value"] for one in record["ResourceRecords"]], record["TTL"]) == ([NEW], 30)


@pytest.fixture
def dead_end() -> collections.abc.Iterator[tuple[int, list[object]]]:
    """A port that ends each connection, and who has come."""
    came: list[object] = []

    class Ender(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            came.append(self.client_address)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Ender) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1]), came
        server.shutdown()


def test_an_unplanned_failover_waits_once_and_not_for_long_for_a_bucket_that_is_gone(
    dead_end: tuple[int, list[object]], object_store: ObjectStore, tmp_path: pathlib.Path
) -> None:
    port, came = dead_end
    here = {"endpoint_url": object_store.endpoint_url, "access_key": object_store.access_key, "region": "us-east-1",
            "secret_key": object_store.secret_key, "bucket": object_store.make_bucket("chunks-dr")}  # fmt: skip
    store = {
        "name": "chunks", "kind": "s3", "state_dir": str(tmp_path / "state"),
        "buckets": {"fra": {**here, "endpoint_url": f"http://127.0.0.1:{port}", "bucket": "chunks"}, "ams": here},
        "settings_file": str(tmp_path / "bucket.env"),
    }  # fmt: skip
    wanted = [
        {"name": name, "tasks": tasks, "entry": store}
        for name, tasks in (("judged", "lags.yml"), ("switched", "steps/switch_buckets.yml"))
    ]
    said, _changed = take(
        tmp_path, wanted, {}, failover_stores=[store], failover_mode="unplanned", failover_run={"mode": "unplanned"}
    )
    assert "SAID judged: done" in said and "SAID switched: done" in said, said
    assert f"S3_BUCKET={here['bucket']}\n" in (tmp_path / "bucket.env").read_text()
    assert 1 <= len(came) <= 2, "by the judge, with one more try"


def test_a_heart_beats_only_when_there_is_a_later_beat_than_an_old_one(tmp_path: pathlib.Path) -> None:
    """What an earlier installation has left in the file is no beat of the writer that was started."""
    published = tmp_path / "database.json"
    beat_once(Store(works=True), str(published), 5)
    old = base64.b64encode(published.read_bytes()).decode("ascii")
    beat_once(Store(works=False), str(published), 5)  # a try that failed is no beat, either
    later = threading.Timer(6, beat_once, (Store(works=True), str(published), 5))
    later.start()
    said, _changed = take(
        tmp_path, [{"name": "heart", "tasks": "heartbeat/wait.yml", "entry": {}}], {},
        failover_beat_there={"content": old}, failover_beats_in=str(published), failover_beats_by="lifeboat-heartbeat",
        failover_beats_every="5s", ansible_become_method="su",
    )  # fmt: skip
    assert "SAID heart: done" in said, said
    assert later.finished.is_set(), "it waited for the later one"
    later.join()


class Store:
    """A store that takes a heartbeat, or does not."""

    def __init__(self, *, works: bool) -> None:
        self._works = works

    def beat(self, counter: int) -> dict[str, t.Any]:
        if not self._works:
            raise LifeboatError("it does not answer")
        return {"at": "2026-01-15T14:30:00Z", "counter": counter}

    def close(self) -> None:
        """There is nothing to end."""


def test_the_real_modules_of_compose_and_kubernetes_take_what_they_are_given(tmp_path: pathlib.Path) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG, encoding="ascii")
    places = {
        "compose": {"project_src": str(tmp_path)},
        "kubernetes": {"namespace": "shop", "deployments": {"web": 2}, "kubeconfig": str(tmp_path / "kubeconfig")},
    }
    wanted = [
        {"name": f"{kind} {word}", "tasks": f"application/{kind}.yml", "running": running,
         "entry": {"kind": kind, "servers": {"ams": place}}}
        for kind, place in places.items() for word, running in (("up", True), ("down", False))
    ]  # fmt: skip
    said, _changed = take(tmp_path, wanted, {"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    for one in wanted:
        why = said.partition(f"SAID {one['name']}: ")[2].partition('"')[0]
        assert why and "arameter" not in why and "argument" not in why, (one["name"], why or said)
        reason = ("docker", "Compose") if one["name"].startswith("compose") else ("kube",)
        assert any(word in why for word in reason), (one["name"], why)
