# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests before and after the damage share."""

from __future__ import annotations

import json
import typing as t

import pytest

if t.TYPE_CHECKING:
    from testinfra.host import Host

CLIENT = "/opt/client/bin/python /usr/local/lib/client.py"
NEIGHBOUR = {"east": "west", "west": "east"}


class Site:
    """The buckets of one host, as the application sees them (files/client.py)."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.name = str(host.backend.get_hostname())

    def client(self, server: str, bucket: str, command: str) -> t.Any:
        """What the application says."""
        result = self.host.run(f"{CLIENT} http://{server}:9000 {bucket} {command}")
        assert result.rc == 0, result.stderr
        return json.loads(result.stdout)

    def pair(self, kind: str) -> tuple[dict[str, str], dict[str, str]]:
        """Every object of source and destination, with the hash of its content."""
        source, server, destination = {
            "near": ("shop", self.name, "shop-dr"),
            "far": ("orders", NEIGHBOUR[self.name], "orders-dr"),
        }[kind]
        return self.client(self.name, source, "look"), self.client(server, destination, "look")

    @property
    def rules(self) -> dict[str, str]:
        """The rules of the near pair, and whether they work."""
        return t.cast("dict[str, str]", self.client(self.name, "shop", "rules"))


@pytest.fixture(scope="module")
def site(host: Host) -> Site:
    """The host of this test."""
    return Site(host)
