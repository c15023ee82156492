# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all tests share: a host, and where things are on it."""

from __future__ import annotations

import json
import os
import shlex
import typing as t

import pytest
import testinfra.utils.ansible_runner

if t.TYPE_CHECKING:
    from testinfra.host import Host

CLIENT = "PYTHONPATH=$(echo /srv/cache/wheels/nats_py-*.whl) {python} /usr/local/lib/client.py {arguments}"
OBJECTS = "/opt/lifeboat/venv/bin/python /usr/local/lib/objects.py http://store:9000"


def hosts_of(group: str) -> list[str]:
    """What a test module says in ``testinfra_hosts``."""
    inventory = os.environ["MOLECULE_SCENARIO_DIRECTORY"] + "/inventory/hosts.yml"
    return [f"ansible://{name}" for name in testinfra.utils.ansible_runner.AnsibleRunner(inventory).get_hosts(group)]


Mail = dict[str, str]
"""One mail: from, to, subject, text (files/mails.py)."""


class Site:
    """One host."""

    repository = "/var/backups/lifeboat"
    reports = "/var/lib/lifeboat/reports"
    private = ("/var/backups/lifeboat", "/var/lib/lifeboat", "/var/lib/lifeboat/reports", "/etc/lifeboat")

    def __init__(self, host: Host) -> None:
        self.host = host
        self.variables: dict[str, t.Any] = host.ansible.get_variables()
        plan = self.variables["lifeboat_plan"]
        self.account: str = plan.get("run_as", "postgres")
        self.components: list[str] = [component["name"] for component in plan["components"]]

    def output(self, command: str) -> str:
        """What a shell command prints; it must succeed."""
        result = self.host.run(f"bash -o pipefail -c {shlex.quote(command)}")
        assert result.rc == 0, f"{command}: {result.stderr or result.stdout}"
        return str(result.stdout)

    def as_account(self, command: str) -> str:
        """The same, as the account that backs up."""
        return self.output(f"cd /; runuser -u {self.account} -- bash -o pipefail -c {shlex.quote(command)}")

    def json(self, path: str) -> t.Any:
        """The content of a file."""
        return json.loads(self.host.file(path).content_string)

    def folders(self, component: str) -> list[str]:
        """The folders of its backups."""
        return self.output(f"ls -d {self.repository}/shop/{component}/*").split()

    def folder(self, component: str) -> str:
        """The folder of the one backup that there is."""
        folders = self.folders(component)
        assert len(folders) == 1, "the second run within max_age must not have made another backup"
        return folders[0]

    def manifest(self, component: str) -> dict[str, t.Any]:
        """Its manifest."""
        return t.cast("dict[str, t.Any]", self.json(f"{self.folder(component)}/manifest.json"))

    # --- streams ---

    def client(self, arguments: str, python: str = "python3") -> str:
        """What the application says (files/client.py)."""
        return self.output(CLIENT.format(python=python, arguments=arguments)).strip()

    def refused(self, credentials: str, *subjects: str) -> list[str]:
        """Those of these subjects to which the user of these credentials may not publish."""
        return self.client(f"try {credentials} {shlex.join(subjects)}", python="/opt/lifeboat/venv/bin/python").split()

    @property
    def before(self) -> dict[str, t.Any]:
        """What was in the account when it was filled, as another client saw it."""
        return t.cast("dict[str, t.Any]", self.json("/root/before.json"))

    @property
    def secrets(self) -> list[str]:
        """What nobody else may see: the seeds of the users who back up and restore, the key that opens backups, and
        passwords.
        """
        lines = self.output("cat /etc/lifeboat/*.creds /etc/lifeboat/*.key").split("\n")
        found = [line for line in lines if line.startswith(("SU", "AGE-SECRET-KEY-"))]
        assert len(found) >= 2, "a test that looks for no secret finds none"
        if "sessions" in self.components:
            passwords = self.output("cat /etc/lifeboat/*.password").split()
            assert len(passwords) == 2
            keys = {repository.get("secret_key") for repository in self.plan["repositories"]}
            found += [*passwords, *keys - {None}]
        return found

    @property
    def plan(self) -> dict[str, t.Any]:
        """The plan as it is on the host."""
        return t.cast("dict[str, t.Any]", json.loads(self.output(
            "/opt/lifeboat/venv/bin/python -c 'import json, yaml;"
            " print(json.dumps(yaml.safe_load(open(\"/etc/lifeboat/plan.yml\"))[\"lifeboat_plan\"]))'"
        )))  # fmt: skip

    # --- objects, alerts and mails ---

    def objects(self, bucket: str) -> dict[str, str]:
        """What is in a bucket: key → SHA-256."""
        return t.cast("dict[str, str]", json.loads(self.output(f"{OBJECTS} {bucket} look")))

    def query(self, expression: str) -> list[dict[str, t.Any]]:
        """What this host's Prometheus says to an expression."""
        answer = self.output(f"promtool query instant --format=json http://localhost:9090 {shlex.quote(expression)}")
        return t.cast("list[dict[str, t.Any]]", json.loads(answer))

    def mails(self) -> list[Mail]:
        """What arrived at this host's mail server, in order."""
        return t.cast("list[Mail]", json.loads(self.output("python3 /usr/local/lib/mails.py /var/lib/arrived/mail")))


@pytest.fixture(scope="module")
def site(host: Host) -> Site:
    """The host of this test."""
    return Site(host)
