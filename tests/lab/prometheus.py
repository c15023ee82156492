# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus, Alertmanager, the node exporter and promtool, out of Debian's packages, on loopback.

The packages are unpacked and not installed: nothing is enabled, no account is made, no port is taken.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import types
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from tests.lab import throwaway
from tests.lab.cache import user_cache
from tests.lab.throwaway import MissingPrerequisiteError

_PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}


def program(name: str) -> str:
    """The path of a program; its package is fetched and unpacked in the user's cache where it is not installed.

    Raises MissingPrerequisiteError.
    """
    installed = shutil.which(name)
    return installed or str(_unpacked(_PACKAGES[name]) / "usr" / "bin" / name)


def _unpacked(package: str) -> pathlib.Path:
    root = user_cache("prometheus") / package
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(root.parent / f"{package}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.is_dir():
            return root
        with _folder() as folder:
            _run(["apt-get", "-q", "download", package], folder, package)
            (archive,) = pathlib.Path(folder).glob("*.deb")
            _run(["dpkg", "-x", str(archive), f"{root}.new"], folder, package)
        os.rename(f"{root}.new", root)
    return root


@contextlib.contextmanager
def _folder() -> t.Iterator[str]:
    folder = throwaway.Folder("debs")
    try:
        yield folder.path
    finally:
        folder.remove()


def _run(command: list[str], folder: str, package: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    except FileNotFoundError as error:
        raise MissingPrerequisiteError(f"{error.filename} is not here. Install the Debian package {package}.") from None
    if done.returncode:
        raise MissingPrerequisiteError(
            f"{command[0]} could not get the Debian package {package}: {done.stderr.strip()[-300:]}"
        )


_TEMPLATES = pathlib.Path("/usr/share/prometheus/alertmanager")
"""Compiled into Debian's Alertmanager, which never becomes ready without what is in there."""


class Chain:
    """A node exporter that reads ``metrics_dir``, Prometheus with the rules in ``rules_dir``, Alertmanager, and a
    receiver of its webhook. Use it as a context manager.
    """

    def __init__(self, metrics_dir: pathlib.Path, rules_dir: pathlib.Path) -> None:
        self._metrics_dir, self._rules_dir = metrics_dir, rules_dir
        self._stack = contextlib.ExitStack()
        self.received: list[dict[str, t.Any]] = []  # alerts, as Alertmanager has sent them
        self._prometheus = ""

    def __enter__(self) -> Chain:
        with contextlib.ExitStack() as stack:
            folder = throwaway.Folder("prometheus")
            stack.callback(folder.remove)
            ports = {name: throwaway.free_port() for name in ("node", "alertmanager", "prometheus")}
            self._write_configuration(pathlib.Path(folder.path), ports, stack.enter_context(_receiver(self.received)))
            for name, command in self._commands(folder.path, ports).items():
                if name == "alertmanager":
                    stack.enter_context(alertmanager_templates())
                log = f"{folder.path}/{name}.log"
                process = throwaway.start(command, log=log)
                stack.callback(throwaway.stop, process, signal.SIGTERM)
                address = f"http://127.0.0.1:{ports[name]}"
                page = "/metrics" if name == "node" else "/-/ready"
                throwaway.wait_until(lambda url=address + page: _answers(url), process, log)
            self._prometheus = f"http://127.0.0.1:{ports['prometheus']}"
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: types.TracebackType | None
    ) -> None:
        self._stack.close()

    def _write_configuration(self, folder: pathlib.Path, ports: t.Mapping[str, int], webhook: str) -> None:
        prometheus = {
            "global": {"scrape_interval": "300ms", "scrape_timeout": "300ms", "evaluation_interval": "300ms"},
            "rule_files": [f"{self._rules_dir}/*.yml"],
            "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{ports['node']}"]}]}],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports['alertmanager']}"]}]}]},
        }
        alertmanager = {
            "route": {
                "receiver": "test", "group_by": ["..."], "group_wait": "100ms", "group_interval": "300ms",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": "test", "webhook_configs": [{"url": webhook, "send_resolved": True}]}],
        }  # fmt: skip
        (folder / "prometheus.yml").write_text(json.dumps(prometheus), encoding="utf-8")
        (folder / "alertmanager.yml").write_text(json.dumps(alertmanager), encoding="utf-8")

    def _commands(self, folder: str, ports: t.Mapping[str, int]) -> dict[str, list[str]]:
        return {
            "node": [
                program("prometheus-node-exporter"),
                "--collector.disable-defaults",
                "--collector.textfile",
                f"--collector.textfile.directory={self._metrics_dir}",
                f"--web.listen-address=127.0.0.1:{ports['node']}",
            ],
            "alertmanager": [
                program("prometheus-alertmanager"),
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/alertmanager",
                f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
                "--cluster.listen-address=",
            ],
            "prometheus": [
                program("prometheus"),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
            ],
        }

    def query(self, expression: str) -> list[dict[str, t.Any]]:
        """The result of an instant query. Raises LabError with the server's words."""
        answer = self._get(f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        if answer["status"] != "success":
            raise throwaway.LabError(f"{expression}: {answer.get('error')}")
        found: list[dict[str, t.Any]] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, t.Any]]:
        """Every rule, with its health and its last error."""
        return [rule for group in self._get("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]

    def _get(self, path: str) -> dict[str, t.Any]:
        try:
            with urllib.request.urlopen(self._prometheus + path, timeout=30) as response:
                return t.cast(dict[str, t.Any], json.load(response))
        except urllib.error.HTTPError as error:  # a mistake in a query is told in the body
            return t.cast(dict[str, t.Any], json.load(error))

    def heard(self, alert: str, status: str) -> dict[str, t.Any]:
        """Whether the receiver got this alert as ``firing`` or ``resolved``; empty where it did not."""
        return next(
            (one for one in self.received if (one["labels"]["alertname"], one["status"]) == (alert, status)), {}
        )


@contextlib.contextmanager
def _receiver(received: list[dict[str, t.Any]]) -> t.Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: t.Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def alertmanager_templates() -> t.Iterator[None]:
    """Debian's Alertmanager finds its templates, also where it is only unpacked."""
    if _TEMPLATES.exists():
        yield
        return
    unpacked = _unpacked("prometheus-alertmanager") / _TEMPLATES.relative_to("/")
    try:
        _TEMPLATES.parent.mkdir(exist_ok=True)
        _TEMPLATES.symlink_to(unpacked)
    except OSError as error:
        raise MissingPrerequisiteError(
            f"{_TEMPLATES} is missing ({error.strerror}). Install the Debian package prometheus-alertmanager, or run "
            "the tests as root."
        ) from None
    try:
        yield
    finally:
        _TEMPLATES.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            _TEMPLATES.parent.rmdir()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def check_metrics(content: bytes) -> str:
    """What ``promtool check metrics`` finds; empty where it finds nothing."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=content, capture_output=True, check=False, timeout=60
    )
    return (
        "" if done.returncode == 0 else (done.stdout + done.stderr).decode("utf-8", "replace") or str(done.returncode)
    )
