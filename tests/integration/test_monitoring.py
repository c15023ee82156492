# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The alert rules and the dashboard that the role installs, on Debian's promtool, Prometheus, Alertmanager and node
exporter.
"""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._exposition import Sample, render
from ansible_collections.lifeboat.dr.plugins.module_utils._metrics._names import METRICS

from tests.integration.modules import run_module
from tests.integration.repository_places import DirectoryPlace
from tests.integration.test_backup_prune import Fleet
from tests.lab import prometheus, throwaway

ROOT = pathlib.Path(__file__).parents[2]
TESTS = ROOT / "tests/integration/fixtures/lifeboat.rules.test.yml"
SERIES = {"app": "shop", "component": "other"}
_MOST_SECONDS = 120.0


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder in which the role has installed the rules and the dashboard, on this machine."""
    folder = tmp_path_factory.mktemp("monitoring")
    (folder / "bin").mkdir()
    (folder / "bin" / "promtool").symlink_to(prometheus.program("promtool"))
    assert [_installs(folder), _installs(folder)] == [4, 0]
    return folder


def _installs(folder: pathlib.Path) -> int:
    """How many tasks of the playbook have changed something."""
    variables = {
        "lifeboat_prometheus": "localhost",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
        "monitoring_rules_dir": str(folder / "rules"),
        "monitoring_dashboards_dir": str(folder / "dashboards"),
        "monitoring_reload_command": [],
    }
    played = subprocess.run(
        [
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            "--inventory", "localhost,", "--connection", "local", "--extra-vars", json.dumps(variables),
            "lifeboat.dr.monitoring_install",
        ],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL,
        env=throwaway.base_environment({
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(ROOT / ".ansible"), "HOME": str(folder),
        }),
    )  # fmt: skip
    recap = re.search(r"changed=(\d+).*failed=0", played.stdout)
    assert played.returncode == 0 and recap, played.stdout + played.stderr
    return int(recap[1])


def test_each_alert_is_raised_and_cleared(installed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shutil.copy(installed / "rules" / "lifeboat.rules.yml", tmp_path)
    shutil.copy(TESTS, tmp_path / "tests.yml")
    tested = subprocess.run(
        [prometheus.program("promtool"), "test", "rules", "tests.yml"],
        check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout + tested.stderr
    alerts = set(re.findall(r"- alert: (\w+)", (tmp_path / "lifeboat.rules.yml").read_text(encoding="utf-8")))
    assert alerts == set(re.findall(r'alertname="(\w+)", alertstate', TESTS.read_text(encoding="utf-8")))


def test_numbers_that_cannot_be_right_are_refused(installed: pathlib.Path) -> None:
    before = (installed / "rules" / "lifeboat.rules.yml").read_bytes()
    played = subprocess.run(
        [
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            "--inventory", "localhost,", "--connection", "local", "--extra-vars",
            json.dumps({
                "lifeboat_prometheus": "localhost", "ansible_become": False, "monitoring_max_lag_seconds": 0,
                "monitoring_rules_dir": str(installed / "rules"), "monitoring_reload_command": [],
            }),
            "lifeboat.dr.monitoring_install",
        ],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL,
        env=throwaway.base_environment({
            "LC_ALL": "C.UTF-8", "ANSIBLE_HOME": str(ROOT / ".ansible"), "HOME": str(installed)
        }),
    )  # fmt: skip
    assert played.returncode == 2 and "monitoring_max_lag_seconds is 0." in played.stdout
    assert (installed / "rules" / "lifeboat.rules.yml").read_bytes() == before


def _wait(what: t.Callable[[], t.Any], words: str) -> t.Any:
    end = time.monotonic() + _MOST_SECONDS
    while not (found := what()):
        assert time.monotonic() < end, words
        time.sleep(0.1)
    return found


def test_a_backup_that_stops_raises_an_alert_and_the_next_one_clears_it(
    installed: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    fleet, folder = Fleet(DirectoryPlace(tmp_path / "backups"), tmp_path / "state"), tmp_path / "metrics"
    folder.mkdir()
    look = {
        "repositories": [fleet.place.options], "app": "shop", "components": [{"name": "codex"}],
        "metrics": {"dir": str(folder), "labels": {"team": "shop"}},
    }  # fmt: skip
    for days in (2, 3):
        fleet.add(days, verdict="passed")
    assert run_module("backup_status", look)["state"] == "bad"
    samples = [Sample(name, 1.0, SERIES) for name in METRICS if not name.startswith("lifeboat_status_last")]
    others = [
        Sample("lifeboat_repository_reachable", 1, {"repository": "/backups"}),
        Sample("pg_replication_lag_seconds", 1, {"server": "db2"}),
    ]
    (folder / "other.prom").write_bytes(render([*samples, *others]))
    (folder / "replica.prom").write_text(
        '# TYPE s3_replication_pending_objects gauge\ns3_replication_pending_objects{source="a",destination="b"} 0\n',
        encoding="utf-8",
    )
    with prometheus.Chain(folder, installed / "rules") as chain:
        alert = _wait(lambda: chain.heard("LifeboatBackupMissing", "firing"), "the alert was not raised")
        assert {"app": "shop", "component": "codex", "team": "shop"}.items() <= alert["labels"].items()
        assert "shop/codex has no young backup" in alert["annotations"]["summary"]
        _the_dashboard_shows_something(chain, installed / "dashboards" / "lifeboat-dashboard.json")
        assert [rule["name"] for rule in chain.rules() if rule["health"] != "ok"] == []

        fleet.add(0.1, verdict="passed")
        assert run_module("backup_status", look)["state"] == "good"
        resolved = _wait(
            lambda: next(
                (
                    one
                    for one in chain.received
                    if one["status"] == "resolved"
                    and one["labels"].get("component") == "codex"
                    and one["labels"]["alertname"] == "LifeboatBackupMissing"
                ),
                None,
            ),
            "the alert was not cleared",
        )
        assert resolved["labels"] == alert["labels"]
        assert chain.query('ALERTS{alertname="LifeboatBackupMissing",component="codex"}') == []


def _the_dashboard_shows_something(chain: prometheus.Chain, path: pathlib.Path) -> None:
    """Every expression of the dashboard gives at least one value on this Prometheus."""
    board = json.loads(path.read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(expressions) >= 15
    for expression in expressions:
        ready = re.sub(r"\$(app|component)", ".*", expression)
        assert "$" not in ready
        _wait(lambda ready=ready: chain.query(ready), f"{expression} shows nothing")


def test_the_dashboard_is_what_grafana_imports() -> None:
    board = json.loads((ROOT / "roles/monitoring/files/lifeboat-dashboard.json").read_text(encoding="utf-8"))
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) and board["schemaVersion"] >= 39
    places = [panel["gridPos"] for panel in panels]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells) and max(x for x, _y in cells) < 24
    names = {variable["name"] for variable in board["templating"]["list"]}
    for panel in panels:
        assert panel["description"] and panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= names
            used = set(re.findall(r"\b((?:lifeboat|backup|restore|pg|s3)_\w+)", target["expr"]))
            assert used and used - {"s3_replication_pending_objects"} <= set(METRICS)
