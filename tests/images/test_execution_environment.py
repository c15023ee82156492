# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment that is shipped, built from Debian's packages, and a backup that AWX's runner makes in it.

It needs a Docker engine and the image of ``build.sh``: ``molecule.sh`` has both, and runs this after the scenarios.
"""

from __future__ import annotations

import collections.abc
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import typing as t

import ansible_runner
import pytest
import yaml

from tests.integration.modules import run_module
from tests.tools import pip_conf

ROOT = pathlib.Path(__file__).parents[2]
BASE = "lifeboat/debian13:systemd"
IMAGE = "lifeboat/execution-environment:test"
_BUILD_SECONDS = 1200


def _definition() -> dict[str, t.Any]:
    """The shipped one, on an image that was made here, with the settings that pip has on this machine."""
    definition = t.cast("dict[str, t.Any]", yaml.safe_load((ROOT / "execution-environment.yml").read_text("utf-8")))
    definition["images"]["base_image"]["name"] = BASE
    definition["additional_build_files"].append({"src": "pip", "dest": "pip"})
    definition["additional_build_steps"]["prepend_base"][:0] = [
        "COPY _build/pip /opt/pip",
        "ENV PIP_CONFIG_FILE=/opt/pip/pip.conf",
    ]
    return definition


def _pip_settings(folder: pathlib.Path) -> None:
    """A pip.conf, and the certificates that it names, for the image."""
    folder.mkdir(mode=0o700)
    settings = pip_conf.settings()["global"]
    for local in ("find-links", "cache-dir"):
        settings.pop(local, None)
    if bundle := settings.get("cert"):
        shutil.copy(bundle, folder / "certificates.pem")
        settings["cert"] = "/opt/pip/certificates.pem"
    lines = [f"{name} = " + value.replace("\n", "\n  ") for name, value in settings.items()]
    (folder / "pip.conf").write_text("[global]\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _output(command: list[str], folder: pathlib.Path = ROOT) -> str:
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_BUILD_SECONDS,
        check=False, env={**os.environ, "DOCKER_BUILDKIT": "0", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tag of the image, built as the head of ``execution-environment.yml`` says."""
    folder = tmp_path_factory.mktemp("execution-environment")
    programs = pathlib.Path(sys.executable).parent
    _output([str(programs / "ansible-galaxy"), "collection", "build", "--output-path", str(folder), str(ROOT)], folder)
    next(folder.glob("lifeboat-dr-*.tar.gz")).rename(folder / "lifeboat-dr.tar.gz")
    shutil.copytree(ROOT / "meta", folder / "meta")
    _pip_settings(folder / "pip")
    (folder / "execution-environment.yml").write_text(json.dumps(_definition()), encoding="utf-8")
    _output([str(programs / "ansible-builder"), "create"], folder)
    _output(
        ["docker", "build", "--network", "host", "--build-arg", "PKGMGR_PRESERVE_CACHE=always", "--tag", IMAGE,
         "--file", "context/Dockerfile", "context"], folder,
    )  # fmt: skip
    return IMAGE


# The packages are in the image's cache (build.sh); the server is the one whose client the image above holds.
_SERVER = """
set -e
apt-get install -qq --no-download postgresql >/dev/null
bin=$(echo /usr/lib/postgresql/*/bin)
install -d -o postgres -g postgres -m 0700 /srv/data
runuser -u postgres -- "$bin/initdb" --auth=trust /srv/data >/dev/null
echo "host all all samenet trust" >>/srv/data/pg_hba.conf
exec runuser -u postgres -- "$bin/postgres" -D /srv/data -c listen_addresses='*'
"""
_TABLE = "create table orders as select generate_series(1, 1000) as id"


@pytest.fixture
def network() -> collections.abc.Iterator[str]:
    """A network with a PostgreSQL server, ``database``, that trusts whoever is on it."""
    name = f"lifeboat-ee-{os.getpid()}"
    labels = ["--label", "owner=lifeboat.dr"]
    _output(["docker", "network", "create", *labels, name])
    server = ""
    try:
        server = _output(
            ["docker", "run", "--detach", *labels, "--network", name, "--network-alias", "database", BASE, "sh", "-c",
             _SERVER],
        ).strip()  # fmt: skip
        _wait_for_server(server)
        _output(["docker", "exec", "--user", "postgres", server, "psql", "-Xqc", _TABLE])
        yield name
    finally:
        if server:
            _output(["docker", "rm", "--force", "--volumes", server])
        _output(["docker", "network", "rm", name])


def _wait_for_server(container: str) -> None:
    end = time.monotonic() + 180
    ready = ["docker", "exec", container, "sh", "-c", "pg_isready --host=127.0.0.1"]
    while subprocess.run(ready, check=False, capture_output=True).returncode != 0:
        assert time.monotonic() < end, _output(["docker", "logs", container])
        time.sleep(0.5)


def test_the_runner_makes_a_backup_inside_the_execution_environment(
    image: str, network: str, tmp_path: pathlib.Path
) -> None:
    """As AWX runs a job: the project beside it, the collection and all programs in the image, nothing of this machine
    but the repository.
    """
    backups = tmp_path / "backups"
    backups.mkdir()
    plan = {
        "app": "shop",
        "run_as": "root",
        "repositories": [{"path": "/backups"}],
        "components": [
            {"name": "codex", "engine": "postgresql", "dsn": "host=database user=postgres", "state_dir": "/tmp/state"}
        ],
    }
    shutil.copytree(ROOT / "awx", tmp_path / "job" / "project" / "awx")
    done = ansible_runner.run(
        private_data_dir=str(tmp_path / "job"),
        playbook="awx/backup-run.yml",
        inventory={"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}},
        extravars={"lifeboat_plan": plan},
        process_isolation=True,
        process_isolation_executable="docker",
        container_image=image,
        container_options=[f"--network={network}", "--user=root"],
        container_volume_mounts=[f"{backups}:/backups"],
        quiet=True,
        timeout=300,
    )
    said = "\n".join(str(event.get("stdout", "")) for event in done.events)
    assert done.status == "successful", said + pathlib.Path(done.config.artifact_dir, "stdout").read_text("utf-8")
    listed = run_module("backup_info", {"app": "shop", "component": "codex", "repositories": [{"path": str(backups)}]})
    (backup,) = listed["backups"]
    assert backup["engine"] == "postgresql", listed
    (dump,) = backups.glob("shop/codex/*/*.dump.zst")
    restored = _output(
        ["docker", "run", "--rm", "--user", "root", "--network", "none", "--volume", f"{backups}:/backups:ro", image,
         "sh", "-c", 'zstd -dc "$0" | pg_restore --file=-', f"/backups/{dump.relative_to(backups)}"],
    )  # fmt: skip
    assert restored.partition("COPY public.orders (id) FROM stdin;\n")[2].startswith("1\n2\n3\n")
    assert "\n1000\n\\.\n" in restored
