# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts a rehearsal refuses: everything that says "production" is found, and nothing else is."""

from __future__ import annotations

import ipaddress
import socket
import threading
import typing as t

import pytest
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal import _resolve
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._guard import (
    Host,
    Resolved,
    Server,
    check_environment,
    matches,
    names_in,
    read_production,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._rehearsal._resolve import resolve
from hypothesis import given
from hypothesis import strategies as st

STAGING = Host(("staging1", "staging1.example.com"), ("127.0.0.1", "10.9.0.7", "fe80::1"))
PRODUCTION: dict[str, t.Any] = {
    "hosts": ["db1.example.com", "*.prod.example.com"],
    "addresses": ["10.1.0.0/16", "2001:db8::/32"],
    "system_identifiers": ["7301234567890123456"],
}


def _matches(host: Host, urls: t.Sequence[str] = (), **production: t.Any) -> list[str]:
    return matches(host, read_production({**PRODUCTION, **production}), urls)


def test_a_staging_host_is_let_through() -> None:
    server = Server(7, "7300000000000000001", "/var/lib/postgresql")
    assert _matches(Host(STAGING.names, STAGING.addresses, (server,)), ["http://127.0.0.1:8080/health"]) == []


@pytest.mark.parametrize("name", ["db1.example.com", "DB1.example.com.", "web.prod.example.com"])
def test_a_host_that_is_called_like_production_is_found(name: str) -> None:
    assert len(_matches(Host(("localhost", name), ()))) == 1


@pytest.mark.parametrize("name", ["db1.staging.example.com", "db11.example.com", "db1", "prod.example.com"])
def test_a_host_that_is_called_nearly_like_production_is_let_through(name: str) -> None:
    assert _matches(Host((name,), ())) == []


@given(st.ip_addresses())
def test_an_address_is_found_exactly_where_a_network_has_it(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    networks = [ipaddress.ip_network(one) for one in PRODUCTION["addresses"]]
    inside = any(address.version == one.version and address in one for one in networks)
    assert bool(_matches(Host(("h",), (str(address),)))) == inside


def test_a_server_of_production_is_found_and_one_that_cannot_be_read_may_be_one() -> None:
    production = Server(7, "7301234567890123456", "/srv/pg")
    unread = Server(8, why="Permission denied")
    found = _matches(Host(STAGING.names, (), (production, unread)))
    assert len(found) == 2 and "/srv/pg" in found[0] and "process 8" in found[1]
    assert _matches(Host(STAGING.names, (), (unread,)), system_identifiers=[]) == []


@pytest.mark.parametrize(
    "url", ["https://db1.example.com/", "http://10.1.2.3:80/x", "postgresql://u@[2001:db8::1]/shop"]
)
def test_a_url_that_leads_to_production_is_found(url: str) -> None:
    (found,) = _matches(STAGING, [url])
    assert f"{url.partition('://')[0]}://" in found and "u@" not in found


@pytest.mark.parametrize(
    "url",
    [
        "host=db1.example.com dbname=shop",
        "dbname=shop host='staging1,db1.example.com'",
        "host=staging1 hostaddr = 10.1.2.3",
        "postgresql://u:p@staging1,db1.example.com:5433/shop",
        "postgresql:///shop?host=db1.example.com",
        "postgresql://db1%2Eexample.com/shop",
        "nats://staging1:4222,nats://u:p@db1.example.com:4222",
        "staging1:4222,db1.example.com:4222",
        "db1.example.com",
    ],
)
def test_every_host_that_a_connection_may_go_to_is_looked_at(url: str) -> None:
    (found,) = _matches(STAGING, [url])
    assert "leads to production: it names" in found and "u:p" not in found


@pytest.mark.parametrize("url", ["service=shop", "postgresql:///?service=shop"])
def test_where_a_file_says_where_it_leads_to_it_may_be_production(url: str) -> None:
    (found,) = _matches(STAGING, [url])
    assert "may lead to production" in found


@pytest.mark.parametrize(
    "url",
    [
        "dbname=shop",
        "postgresql:///shop",
        "host=/run/postgresql",
        "nats://staging1:4222,staging1:4223",
        "http://a/?host=db1",
    ],
)
def test_what_leads_elsewhere_is_let_through(url: str) -> None:
    assert _matches(STAGING, [url]) == []


@pytest.mark.parametrize("name", ["production", "Prod", "eu-prod-2", "live", "prd"])
def test_an_environment_that_is_called_production_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="does not run in production"):
        check_environment(name, read_production(None))


@pytest.mark.parametrize("name", ["staging", "non-production", "preprod", "pre-prod", "delivery", "product-tests"])
def test_an_environment_that_is_not_called_production_is_taken(name: str) -> None:
    check_environment(name, read_production(PRODUCTION))


def test_an_environment_is_asked_for_where_production_is_described() -> None:
    check_environment("", read_production(None))
    with pytest.raises(OptionError, match="environment is not given"):
        check_environment(" ", read_production(PRODUCTION))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hosts", "*"),
        ("hosts", " "),
        ("addresses", "db1.example.com"),
        ("addresses", "10.1.2.999"),
        ("system_identifiers", "shop"),
        ("system_identifiers", "-7"),
    ],
)
def test_an_entry_that_cannot_be_right_is_refused_by_its_place(option: str, value: str) -> None:
    with pytest.raises(OptionError, match=rf"production\.{option}\[1\]"):
        read_production({option: [PRODUCTION[option][0], value]})


@pytest.mark.parametrize("url", ["http://[::1", "http://[x]/", "https://db1.prod.example.com:port]/"])
def test_a_url_that_cannot_be_read_is_not_let_through(url: str) -> None:
    assert any("may lead to production" in found for found in _matches(STAGING, [url], hosts=["*.prod.example.com"]))


def _behind(url: str, name: str, place: Resolved, **production: t.Any) -> list[str]:
    return matches(STAGING, read_production({**PRODUCTION, **production}), [url], {name: place})


@pytest.mark.parametrize("url", ["http://db.staging.example.com/health", "host=db.staging.example.com dbname=shop"])
def test_a_name_that_leads_to_production_by_its_address_or_its_alias_is_refused(url: str) -> None:
    name = "db.staging.example.com"
    assert names_in([url, "http://10.9.0.7/", "host=/run/postgresql"]) == [name]
    assert _behind(url, name, Resolved(("10.9.0.8",))) == []
    (found,) = _behind(url, name, Resolved(("10.9.0.8", "10.1.2.3")))
    assert f"leads to production: {name} has the address 10.1.2.3, and production.addresses has 10.1.0.0/16" in found
    (found,) = _behind(url, name, Resolved((), ("web.prod.example.com",)))
    assert f"{name} is another name for web.prod.example.com, and production.hosts has *.prod.example.com" in found


def test_a_name_that_cannot_be_looked_up_is_refused_only_where_addresses_are_compared() -> None:
    unknown = Resolved(why="its lookup failed: Temporary failure in name resolution")
    (found,) = _behind("http://shop/", "shop", unknown)
    assert "where shop leads cannot be told (its lookup failed" in found
    assert _behind("http://shop/", "shop", unknown, addresses=[]) == []


def test_a_name_that_does_not_exist_leads_nowhere() -> None:
    found = resolve(["localhost", "", "a..b", "x" * 70])
    assert found["localhost"].addresses and {found[name] for name in ("", "a..b", "x" * 70)} == {Resolved()}


def test_a_resolver_that_is_silent_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(_resolve.socket, "getaddrinfo", lambda *_args, **_more: answered.wait(60) and [])
    try:
        assert resolve(["shop", "db"], 0.1) == dict.fromkeys(
            ["shop", "db"], Resolved(why="its lookup took longer than 0.1 s")
        )
    finally:
        answered.set()


@pytest.mark.parametrize(("errno", "known"), [(socket.EAI_AGAIN, False), (socket.EAI_NONAME, True)])
def test_a_lookup_that_fails_for_the_moment_is_not_an_answer(
    monkeypatch: pytest.MonkeyPatch, errno: int, known: bool
) -> None:
    def refuse(*_args: t.Any, **_more: t.Any) -> None:
        raise socket.gaierror(errno, "as the resolver says")

    monkeypatch.setattr(_resolve.socket, "getaddrinfo", refuse)
    assert resolve(["shop"])["shop"] == Resolved(why="" if known else "its lookup failed: as the resolver says")
