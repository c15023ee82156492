# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebook of extensions/eda, run by ansible-rulebook, with alerts that a real Alertmanager sends."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.lab import prometheus, rulebook, throwaway
from tests.lab.postgres import Database

ROOT = pathlib.Path(__file__).parents[2]
TOKEN = "a-token-of-this-test"
_CONFIG = """
route:
  receiver: rulebook
  group_by: [alertname, instance, app, component, region]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: rulebook
    webhook_configs:
      - url: http://127.0.0.1:{port}/alerts
        http_config: {{authorization: {{credentials_file: {token_file}}}}}
"""

pytestmark = pytest.mark.skipif(
    rulebook.java_home() is None,
    reason="ansible-rulebook needs a Java of 17 or newer: apt-get install openjdk-17-jre-headless",
)


class Events:
    """Alertmanager and ansible-rulebook, the one sending to the other. Use it as a context manager."""

    def __init__(self, folder: pathlib.Path, dsn: str) -> None:
        self.folder = folder
        self.port, self._alertmanager_port = throwaway.free_port(), throwaway.free_port()
        self.log = folder / "rulebook.log"
        self._running: list[subprocess.Popen[bytes]] = []
        self._stack = contextlib.ExitStack()
        plan = {
            "app": "shop",
            "run_as": getpass.getuser(),
            "repositories": [{"path": str(folder / "backups")}],
            "components": [{"name": "codex", "engine": "postgresql", "dsn": dsn, "state_dir": str(folder / "state")}],
        }
        python = folder / "home" / "venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        host = {"ansible_connection": "local", "lifeboat_plan": plan, "lifeboat_home": str(folder / "home")}
        self._write("inventory.json", json.dumps({"all": {"hosts": {"db1": host, "other": host}}}))
        self._write("variables.json", json.dumps({"eda_token": TOKEN, "eda_port": self.port}))
        token_file = self._write("token", TOKEN)
        self._write("alertmanager.yml", _CONFIG.format(port=self.port, token_file=token_file))

    def _write(self, name: str, content: str) -> pathlib.Path:
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return path

    def __enter__(self) -> Events:
        programs = rulebook.programs()
        (self.folder / "awx").symlink_to(ROOT / "awx")  # playbooks are named from where it runs
        book = str(ROOT / "extensions" / "eda" / "rulebooks" / "alerts.yml")
        command = [str(programs / "ansible-rulebook"), "--rulebook", book, "--inventory", "inventory.json"]
        environment = {
            "HOME": str(self.folder),
            "JAVA_HOME": rulebook.java_home() or "",
            "PATH": f"{programs}:{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            "LC_ALL": "C.UTF-8",
        }
        self._start([*command, "--vars", "variables.json"], self.port, self.log, environment)
        alertmanager = [
            prometheus.program("prometheus-alertmanager"),
            "--config.file=alertmanager.yml",
            "--storage.path=alertmanager",
            f"--web.listen-address=127.0.0.1:{self._alertmanager_port}",
            "--cluster.listen-address=",
        ]
        self._stack.enter_context(prometheus.alertmanager_templates())
        self._start(alertmanager, self._alertmanager_port, self.folder / "alertmanager.log", {})
        return self

    def _start(self, command: list[str], port: int, log: pathlib.Path, environment: dict[str, str]) -> None:
        process = throwaway.start(command, log=str(log), environment=environment, cwd=str(self.folder))
        self._running.append(process)
        throwaway.wait_until(lambda: throwaway.accepts_connections(port), process, str(log), seconds=120)

    def __exit__(self, *_error: object) -> None:
        for process in reversed(self._running):
            throwaway.stop(process, signal.SIGTERM)
        self._stack.close()

    def alert(self, name: str, **labels: str) -> None:
        """Have Alertmanager know of a firing alert."""
        url = f"--alertmanager.url=http://127.0.0.1:{self._alertmanager_port}"
        given = [f"{key}={value}" for key, value in labels.items()]
        subprocess.run([prometheus.program("amtool"), url, "alert", "add", name, *given], check=True, timeout=60)

    def said(self) -> str:
        """The log of the rulebook, with the output of its playbooks."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, words: str, count: int = 1) -> None:
        """Wait until these words are in the log so often."""
        throwaway.wait_until(lambda: self.said().count(words) >= count, self._running[0], str(self.log), seconds=180)


def test_an_alert_starts_a_backup_once_and_a_lost_region_only_a_look(
    tmp_path: pathlib.Path, database: Database
) -> None:
    with Events(tmp_path, database.dsn()) as events:
        request = urllib.request.Request(
            f"http://127.0.0.1:{events.port}/alerts", b"{}", {"Authorization": "Bearer no"}
        )
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=30)
        events.alert("LifeboatBackupMissing", instance="db1:9100", app="shop", component="codex")
        events.alert("LifeboatBackupFailed", instance="db1:9100", app="shop", component="codex")
        events.alert("LifeboatBackupMissing", instance="all:!db1,other", app="shop", component="odd")
        events.alert("LifeboatBackupMissing", instance="all:9100", app="shop", component="all")
        events.wait_for("PLAY RECAP")
        events.alert("RegionDown", region="eu")
        events.wait_for("PLAY RECAP", 2)
        said = events.said()
    assert said.count("PLAY [Back up]") == 1, "throttled, and a label that is not the name of a host starts nothing"
    assert said.count("PLAY [Say whether a failover may start]") == 1, said
    assert "PLAY [Move an application" not in said and TOKEN not in said
    assert len(list(tmp_path.glob("backups/shop/codex/*/manifest.json"))) == 1, said
