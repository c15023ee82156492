# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""traffic_dns against real BIND, and traffic_haproxy against a real HAProxy."""

from __future__ import annotations

import collections.abc
import pathlib
import socket
import typing as t

import pytest

from tests.integration.modules import run_module
from tests.lab.bind import KEY_NAME, ZONE, Bind
from tests.lab.haproxy import Haproxy, WebServer

OLD, NEW = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def primary() -> collections.abc.Iterator[Bind]:
    with Bind(address=OLD, ttl=2) as server:
        yield server


def switch(primary: Bind, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
    options = {
        "server": primary.where, "zone": ZONE, "record": "www", "expect": [OLD], "value": [NEW], "key_name": KEY_NAME,
        "key_secret": primary.secret, "ttl": 30, "wait": "30s", "timeout": "3s",
    }  # fmt: skip
    return run_module("traffic_dns", {**options, **more}, check_mode=check_mode)


def test_a_record_moves_once_and_a_resolver_that_was_stale_is_waited_for(primary: Bind) -> None:
    with Bind(primary=primary) as resolver:
        assert resolver.addresses() == [OLD]  # now it keeps the old answer for two seconds
        resolvers = [resolver.where, primary.where]
        planned = switch(primary, resolvers=resolvers, check_mode=True)
        assert planned["changed"] and planned["before"] == {"values": [OLD], "ttl": 2}, planned
        assert primary.addresses() == [OLD]
        result = switch(primary, resolvers=resolvers)
        assert result["changed"] and [one["agrees"] for one in result["resolvers"]] == [True, True], result
        assert primary.addresses() == resolver.addresses() == [NEW]
        assert primary.secret not in str(result)
        again = switch(primary, resolvers=resolvers)
        assert again["changed"] is False and again["before"] == again["after"], again


def test_a_resolver_that_stays_silent_is_named_and_the_record_is_said_to_have_moved(primary: Bind) -> None:
    with Bind(primary=primary) as resolver:
        gone = resolver.where
    result = switch(primary, resolvers=[primary.where, gone], wait="2s", timeout="1s", check_mode=True)
    assert result["failed"] and "1 of 2 resolvers" in result["msg"] and "Nothing was changed" in result["msg"]
    result = switch(primary, resolvers=[primary.where, gone], wait="2s", timeout="1s")
    assert result["failed"] and f"{gone}: " in result["msg"] and "has the new value" in result["msg"], result
    assert primary.addresses() == [NEW]


def test_what_somebody_else_has_changed_is_left_alone(primary: Bind) -> None:
    result = switch(primary, expect=["203.0.113.9"])
    assert result["failed"] and f"is {OLD}, and neither" in result["msg"] and "Nothing was changed" in result["msg"]
    assert primary.addresses() == [OLD]


def test_the_server_itself_compares_so_a_late_update_changes_nothing(primary: Bind) -> None:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
    from ansible_collections.lifeboat.dr.plugins.module_utils._traffic import _dns

    record = _dns.Record(ZONE, "www", "A", 5)
    address, key = _dns.read_address("server", primary.where), _dns.Key(KEY_NAME, primary.secret)
    with pytest.raises(LifeboatError, match="was changed by somebody else"):
        record.update(address, key, ("203.0.113.9",), (NEW,), 60)
    assert primary.addresses() == [OLD]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"record": "locked"}, "does not allow this update"),
        ({"key_secret": "d3Jvbmcgd3Jvbmcgd3Jvbmc="}, "refused the signature"),
        ({"key_name": "stranger"}, "refused the signature"),
        ({"key_name": None, "key_secret": None}, "does not allow this update"),
    ],
)
def test_an_update_that_is_refused_says_why_and_changes_nothing(
    primary: Bind, more: dict[str, t.Any], words: str
) -> None:
    result = switch(primary, **more)
    assert result["failed"] and words in result["msg"], result
    assert primary.addresses() == primary.addresses("locked") == [OLD]


def test_a_ttl_that_is_longer_than_the_wait_is_found_before_anything_is_changed() -> None:
    with Bind(address=OLD, ttl=3600) as primary:
        result = switch(primary, resolvers=[primary.where], check_mode=True)
        assert result["failed"] and "has a TTL of 3600 s" in result["msg"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"value": ["www.example"]}, "is not a value of a record of type A"),
        ({"value": []}, "value is empty"),
        ({"server": "ns.example"}, "is not the address of a DNS server"),
        ({"record": "www.other.test."}, "is not in the zone"),
        ({"resolvers": ["192.0.2.1:99999"]}, "resolvers[0]"),
        ({"ttl": 0}, "ttl is 0"),
        ({"key_secret": "not base64!"}, "is not base64"),
    ],
)
def test_options_that_cannot_be_right_are_refused(primary: Bind, more: dict[str, t.Any], words: str) -> None:
    result = switch(primary, **more)
    assert result["failed"] and words in result["msg"], result
    assert primary.addresses() == [OLD]


@pytest.fixture
def webs() -> collections.abc.Iterator[dict[str, WebServer]]:
    with WebServer("central") as central, WebServer("west") as west:
        yield {"central": central, "west": west}


def turn(haproxy: Haproxy, *, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
    options = {"socket": haproxy.socket, "enable": ["web/west"], "disable": ["web/central"], **more}
    return run_module("traffic_haproxy", options, check_mode=check_mode)


def test_haproxy_serves_from_the_other_region_and_nobody_stays_behind(webs: dict[str, WebServer]) -> None:
    with Haproxy(webs, out=["west"]) as haproxy:
        assert haproxy.get() == "central"
        planned = turn(haproxy, check_mode=True)
        assert planned["changed"] and haproxy.get() == "central"
        with socket.create_connection(("127.0.0.1", haproxy.port), timeout=10) as user:
            user.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
            said = b""
            while not said.endswith(b"central"):
                said += user.recv(65536) or pytest.fail(f"the connection ended after {said!r}")
            result = turn(haproxy)
        assert result["changed"], result
        after = {one["server"]: (one["after"], one["sessions"]) for one in result["servers"]}
        assert after["web/central"] == ("MAINT", 0) and after["web/west"][0].startswith("UP"), result
        assert haproxy.get() == "west"
        assert turn(haproxy)["changed"] is False


def test_a_new_server_that_does_not_come_up_leaves_the_old_one_in(webs: dict[str, WebServer]) -> None:
    webs["west"].health = 503
    with Haproxy(webs, out=["west"]) as haproxy:
        result = turn(haproxy, wait="2s")
        assert result["failed"] and "web/west (DOWN" in result["msg"] and "No server was taken out" in result["msg"]
        assert haproxy.get() == "central"


def test_servers_that_nobody_checks_are_switched_at_once(webs: dict[str, WebServer]) -> None:
    with Haproxy(webs, out=["west"], checked=False) as haproxy:
        result = turn(haproxy)
        assert result["changed"] and result["servers"][0]["after"] == "no check", result
        assert haproxy.get() == "west"


def test_haproxy_is_not_touched_when_a_name_is_wrong_or_the_socket_may_only_read(
    webs: dict[str, WebServer], tmp_path: pathlib.Path
) -> None:
    with Haproxy(webs, out=["west"], level="operator") as haproxy:
        result = turn(haproxy, disable=["web/centrl"])
        assert result["failed"] and "does not have the server web/centrl" in result["msg"]
        assert "It has: web/central, web/west" in result["msg"]
        result = turn(haproxy)
        assert result["failed"] and "level admin" in result["msg"], result
        assert haproxy.get() == "central"
        result = turn(haproxy, socket=str(tmp_path / "none.sock"))
        assert result["failed"] and "cannot be asked" in result["msg"]
        result = turn(haproxy, enable=["web/central"])
        assert result["failed"] and "is in enable and in disable" in result["msg"]
