# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts with a NATS server show after each has lost its streams and got them back, seen by their client."""

from __future__ import annotations

import json
import typing as t

import pytest
from conftest import hosts_of

if t.TYPE_CHECKING:
    from conftest import Site

testinfra_hosts = hosts_of("brokers")


@pytest.fixture(scope="module")
def now(site: Site) -> dict[str, t.Any]:
    """What is in the account."""
    return t.cast("dict[str, t.Any]", json.loads(site.client("look")))


def test_every_message_is_back_with_its_sequence_time_subject_headers_and_data(
    site: Site, now: dict[str, t.Any]
) -> None:
    before = site.before["streams"]
    assert set(now["streams"]) == set(before)
    for name, stream in before.items():
        assert now["streams"][name]["messages"] == stream["messages"], name
        assert now["streams"][name]["state"] == stream["state"], name
    assert len(before["ORDERS"]["messages"]) == 1997


def test_every_stream_has_the_configuration_that_it_had(site: Site, now: dict[str, t.Any]) -> None:
    for name, stream in site.before["streams"].items():
        assert now["streams"][name]["config"] == stream["config"], name


def test_every_consumer_is_back_with_what_it_has_acknowledged(site: Site, now: dict[str, t.Any]) -> None:
    for name, stream in site.before["streams"].items():
        assert now["streams"][name]["consumers"] == stream["consumers"], name
    assert set(now["streams"]["ORDERS"]["consumers"]) == {"billing", "shipping", "quick"}


def test_every_revision_of_every_key_and_every_object_is_back(site: Site, now: dict[str, t.Any]) -> None:
    assert (now["settings"], now["pictures"]) == (site.before["settings"], site.before["pictures"])
    assert [value for _revision, value in now["settings"]["currency"]] == ["EUR", "USD", "CHF"]


@pytest.mark.parametrize(("consumer", "first"), [("billing", 22), ("quick", 22), ("shipping", 143)])
def test_a_consumer_goes_on_behind_what_it_has_acknowledged(site: Site, consumer: str, first: int) -> None:
    # 20 messages were acknowledged; message 2 was deleted, and those on orders.3 are 3, 10, 17 ...
    assert int(site.client(f"next {consumer}")) == first


def test_no_secret_of_the_restore_was_seen(site: Site) -> None:
    arguments, journal = site.output("cat /root/seen-arguments"), site.output("journalctl --output verbose --all")
    assert len([secret for secret in site.secrets if secret.startswith(("SU", "AGE"))]) == 3
    for secret in site.secrets:
        assert secret not in arguments
        assert secret not in journal


def test_the_backup_is_as_it_was(site: Site) -> None:
    for artifact in site.manifest("events")["artifacts"]:
        assert site.host.file(f"{site.folder('events')}/{artifact['name']}").size == artifact["stored_bytes"]
    assert site.output("find /tmp /var/tmp -name '*lifeboat*'").strip() == ""
