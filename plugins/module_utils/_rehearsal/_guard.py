# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Whether a host is one that a rehearsal must not run on: by its names, its addresses, and the PostgreSQL servers that
run there. Pure.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import ipaddress
import re
import types
import typing as t
import urllib.parse

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

_PRODUCTION = re.compile(r"(^|[^a-z])(prod|production|prd|live)([^a-z]|$)")
_KEYWORD = re.compile(r"\b(host|hostaddr|service|dbname|port|user)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s']*)")
_NEXT_URL = re.compile(r",\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_NOT = re.compile(r"(^|[^a-z])(non|not|pre|no)[^a-z]*(prod|production|prd|live)([^a-z]|$)")


@dataclasses.dataclass(frozen=True)
class Server:
    """A PostgreSQL server that runs on the host. ``identifier`` is empty where it could not be read, and ``why`` says
    why.
    """

    process: int
    identifier: str = ""
    folder: str = ""
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Host:
    """What a host is called, where it can be reached, and which PostgreSQL servers run on it."""

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    servers: tuple[Server, ...] = ()


@dataclasses.dataclass(frozen=True)
class Resolved:
    """Where a name leads to: its addresses, and its canonical name where that is another one. ``why`` says why it is
    not known.
    """

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Production:
    """What production is: patterns of host names, networks, identifiers of PostgreSQL systems."""

    hosts: tuple[str, ...] = ()
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    system_identifiers: tuple[str, ...] = ()

    @property
    def is_described(self) -> bool:
        """Whether anything is known of production."""
        return bool(self.hosts or self.networks or self.system_identifiers)


def read_production(options: t.Mapping[str, t.Any] | None) -> Production:
    """What the option ``production`` describes. Raises OptionError naming the entry."""
    given = options or {}
    identifiers = tuple(str(one).strip() for one in given.get("system_identifiers") or [])
    for number, identifier in enumerate(identifiers):
        if not re.fullmatch(r"[1-9][0-9]{0,19}", identifier):
            raise OptionError(
                f"production.system_identifiers[{number}] is {identifier!r}, which no PostgreSQL system is called.",
                hint="Give the number that select system_identifier from pg_control_system() shows in production.",
            )
    networks = tuple(_network(number, one) for number, one in enumerate(given.get("addresses") or []))
    hosts = tuple(_host(number, one) for number, one in enumerate(given.get("hosts") or []))
    return Production(hosts, networks, identifiers)


def check_environment(environment: str, production: Production) -> None:
    """Raise OptionError unless the environment says that it is not production, where production is described."""
    name = environment.strip().lower()
    if production.is_described and not name:
        raise OptionError(
            "environment is not given, and production is described.",
            hint="Say what this host is, such as environment: staging. Nothing was restored.",
        )
    if _PRODUCTION.search(_NOT.sub(" ", name)):
        raise OptionError(
            f"environment is {environment!r}: a rehearsal does not run in production.",
            hint="Run it on a staging host, and say so: environment: staging. Nothing was restored.",
        )


def names_in(urls: t.Sequence[str]) -> list[str]:
    """Every name of a host in URLs and connection strings, without addresses and without sockets."""
    found: dict[str, None] = {}
    for url in urls:
        try:
            found.update(dict.fromkeys(_hosts_of(url)))
        except ValueError:  # matches() says it
            continue
    return [name for name in found if name and not name.startswith(("/", "@")) and not _is_address(name)]


def matches(
    host: Host,
    production: Production,
    urls: t.Sequence[str] = (),
    resolved: t.Mapping[str, Resolved] = types.MappingProxyType({}),
) -> list[str]:
    """In words, everything that makes the host a production host, and what could not be ruled out. Empty if nothing
    does. ``urls`` are those that will be asked: they must not lead to production either, not even by the addresses and
    canonical names that ``resolved`` gives for the names in them.
    """
    return [
        *_names(host.names, production),
        *_addresses(host.addresses, production),
        *_systems(host.servers, production),
        *(found for url in urls for found in _url(url, production, resolved)),
    ]


def _names(names: t.Sequence[str], production: Production) -> t.Iterator[str]:
    for pattern in production.hosts:
        called = next((name for name in names if fnmatch.fnmatchcase(_plain(name), pattern)), None)
        if called is not None:
            yield f"this host is called {called}, and production.hosts has {pattern}"


def _addresses(addresses: t.Sequence[str], production: Production) -> t.Iterator[str]:
    for network in production.networks:
        found = next((one for one in addresses if _is_in(one, network)), None)
        if found is not None:
            yield f"this host has the address {found}, and production.addresses has {network}"


def _systems(servers: t.Sequence[Server], production: Production) -> t.Iterator[str]:
    if not production.system_identifiers:
        return
    for server in servers:
        if server.identifier in production.system_identifiers:
            yield (
                f"the PostgreSQL server in {server.folder} is the system {server.identifier}, which "
                "production.system_identifiers has"
            )
        elif not server.identifier:
            yield (
                f"the PostgreSQL server with the process {server.process} may be production's: its system identifier "
                f"cannot be read ({server.why})"
            )


def _url(url: str, production: Production, resolved: t.Mapping[str, Resolved]) -> t.Iterator[str]:
    shown = _shown(url)
    try:
        names = _hosts_of(url)
    except ValueError as error:
        why = error if isinstance(error, _ElsewhereError) else "it is not a URL"  # whose own words may show a password
        yield f"{shown} may lead to production: it cannot be told ({why})"
        return
    for found in (*_names(names, production), *_addresses(names, production)):
        yield f"{shown} leads to production: " + found.replace("this host is called", "it names", 1).replace(
            "this host has the address", "it names", 1
        )
    for name in names:
        for found in _behind(name, resolved.get(name, Resolved()), production):
            yield f"{shown} {found}"


def _behind(name: str, place: Resolved, production: Production) -> t.Iterator[str]:
    if place.why and production.networks:
        yield f"may lead to production: where {name} leads cannot be told ({place.why})"
    for found in _names(place.names, production):
        yield f"leads to production: {found.replace('this host is called', f'{name} is another name for', 1)}"
    for found in _addresses(place.addresses, production):
        yield f"leads to production: {found.replace('this host', name, 1)}"


def _shown(url: str) -> str:
    """What may be said of a URL: neither who asks, nor with which password."""
    if "://" not in url:
        return "a connection"
    scheme, _colon, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest.rpartition('@')[2])[0]}"


class _ElsewhereError(ValueError):
    """It does not say itself where it leads to."""


def _hosts_of(text: str) -> list[str]:
    """Every host in a URL, or in what stands for one: several servers of NATS with commas between them, with or without
    a scheme; several hosts of PostgreSQL, in the URL itself, in its parameters, or as ``host=a,b dbname=c``. Raises
    ValueError for what cannot be read, or leaves to a file where it leads to.
    """
    found: list[str] = []
    if "://" not in text and _KEYWORD.search(text):
        given = {key: value.strip("'") for key, value in _KEYWORD.findall(text)}
        return _named(given)
    for one in _NEXT_URL.split(text):
        parts = urllib.parse.urlsplit(one if "://" in one else f"//{one}")
        for place in parts.netloc.rpartition("@")[2].split(","):
            found.append(urllib.parse.unquote(urllib.parse.urlsplit(f"//{place}").hostname or ""))
        if parts.scheme in ("postgres", "postgresql"):
            found += _named(dict(urllib.parse.parse_qsl(parts.query)))
    return found


def _named(parameters: t.Mapping[str, str]) -> list[str]:
    """The hosts that parameters of PostgreSQL name."""
    if parameters.get("service"):
        raise _ElsewhereError(f"a file says where the service {parameters['service']} is")
    return [name for key in ("host", "hostaddr") for name in parameters.get(key, "").split(",")]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_in(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(text.partition("%")[0]) in network
    except ValueError:  # a name
        return False


def _network(number: int, value: t.Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(str(value).strip(), strict=False)
    except ValueError:
        raise OptionError(
            f"production.addresses[{number}] is {str(value)!r}, and neither an address nor a network.",
            hint="Write it as 10.1.2.3 or 10.1.2.0/24. Names belong into production.hosts.",
        ) from None


def _host(number: int, value: t.Any) -> str:
    pattern = _plain(str(value))
    if not pattern or not pattern.strip("*?."):
        raise OptionError(
            f"production.hosts[{number}] is {str(value)!r}, which is the name of every host or of none.",
            hint="Write it as db1.example.com or *.prod.example.com.",
        )
    return pattern


def _plain(name: str) -> str:
    return name.strip().rstrip(".").lower()
