# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests before and after the loss share."""

from __future__ import annotations

import json
import shlex
import typing as t

import pytest

if t.TYPE_CHECKING:
    from testinfra.host import Host

CLIENT = "PYTHONPATH=$(echo /srv/wheels/nats_py-*.whl) {python} /usr/local/lib/client.py {arguments}"


class Site:
    """One host, and where things are on it."""

    repository = "/var/backups/lifeboat"
    reports = "/var/lib/lifeboat/reports"
    private = ("/var/backups/lifeboat", "/var/lib/lifeboat", "/var/lib/lifeboat/reports", "/etc/lifeboat")

    def __init__(self, host: Host) -> None:
        self.host = host

    def output(self, command: str) -> str:
        """What a shell command prints; it must succeed."""
        result = self.host.run(f"bash -o pipefail -c {shlex.quote(command)}")
        assert result.rc == 0, f"{command}: {result.stderr or result.stdout}"
        return str(result.stdout)

    def client(self, arguments: str, python: str = "python3") -> str:
        """What the application says (files/client.py)."""
        return self.output(CLIENT.format(python=python, arguments=arguments)).strip()

    def refused(self, credentials: str, *subjects: str) -> list[str]:
        """Those of these subjects to which the user of these credentials may not publish."""
        return self.client(f"try {credentials} {shlex.join(subjects)}", python="/opt/lifeboat/venv/bin/python").split()

    def json(self, path: str) -> t.Any:
        """The content of a file."""
        return json.loads(self.host.file(path).content_string)

    @property
    def before(self) -> dict[str, t.Any]:
        """What was in the account when it was filled, as another client saw it."""
        return t.cast("dict[str, t.Any]", self.json("/root/before.json"))

    @property
    def secrets(self) -> list[str]:
        """What nobody else may see: the seeds of the users who back up and restore, and the key that opens backups."""
        lines = self.output("cat /etc/lifeboat/*.creds /etc/lifeboat/*.key").split("\n")
        found = [line for line in lines if line.startswith(("SU", "AGE-SECRET-KEY-"))]
        assert len(found) >= 2, "a test that looks for no secret finds none"
        return found


@pytest.fixture(scope="module")
def site(host: Host) -> Site:
    """The host of this test."""
    return Site(host)


@pytest.fixture(scope="module")
def folder(site: Site) -> str:
    """The folder of the one backup that there is."""
    folders = site.output(f"ls -d {site.repository}/shop/events/*").split()
    assert len(folders) == 1, "the second run within max_age must not have made another backup"
    return folders[0]


@pytest.fixture(scope="module")
def manifest(site: Site, folder: str) -> dict[str, t.Any]:
    """Its manifest."""
    return t.cast("dict[str, t.Any]", site.json(f"{folder}/manifest.json"))
