# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A record of a zone, moved from its old values to its new ones by RFC 2136, and read back from resolvers.

The old values are a prerequisite of the update itself (RFC 2136, section 2.4.2): the server compares and sets in one
transaction, so an update that somebody held up for an hour cannot overwrite a newer one.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._libraries import load_library

_REASONS = {
    "NOTAUTH": ("it does not know the key, or is not the server of this zone", "Check key_name, the secret and zone."),
    "REFUSED": ("it does not allow this update", "Allow the key in update-policy or allow-update of the zone."),
    "NOTZONE": ("the record is not in this zone", "Check zone and record."),
    "SERVFAIL": ("it could not write its zone", "Look at its log: often its journal's folder is not writable."),
    "NOTIMP": ("it takes no updates", "Name the primary server of the zone in server."),
}
_PREREQUISITE = ("NXRRSET", "YXRRSET", "NXDOMAIN", "YXDOMAIN")


@dataclasses.dataclass(frozen=True)
class Key:
    """A TSIG key (RFC 8945)."""

    name: str
    secret: str = dataclasses.field(repr=False)
    algorithm: str = "hmac-sha256"


@dataclasses.dataclass(frozen=True)
class Address:
    """A DNS server: an IP address, and its port."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        return self.host if self.port == 53 else f"{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a server says of the record. ``values`` are sorted; ``ttl`` is in seconds; ``error`` is why it is silent."""

    values: tuple[str, ...] = ()
    ttl: int = 0
    error: str = ""


def read_address(option: str, text: str) -> Address:
    """``192.0.2.1``, ``192.0.2.1:5353``, ``2001:db8::1`` or ``[2001:db8::1]:5353``. Raises OptionError."""
    import ipaddress

    host, port = text.strip(), "53"
    if host.startswith("["):
        host, _bracket, rest = host[1:].partition("]")
        port = rest.lstrip(":") or port
    elif host.count(":") == 1:
        host, _colon, port = host.partition(":")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise OptionError(
            f"{option}: {text!r} is not the address of a DNS server.",
            hint="Write its IP address, and its port if that is not 53: 192.0.2.53:5353.",
        )
    return Address(host, number)


class Record:
    """One name and type of a zone. ``seconds`` is how long one question may take."""

    def __init__(self, zone: str, name: str, kind: str, seconds: float) -> None:
        self._dns = load_library("dns", "DNS")
        for part in ("message", "name", "query", "rdata", "rdatatype", "rcode", "tsig", "tsigkeyring", "update"):
            load_library(f"dns.{part}", "DNS")
        dns = self._dns
        self._seconds = seconds
        self.kind = kind
        try:
            self.zone = dns.name.from_text(zone)
            self.name = dns.name.from_text(name, origin=self.zone)
        except dns.exception.DNSException as error:
            raise OptionError(f"zone {zone!r} and record {name!r} do not make a name: {error}.") from None
        if not self.name.is_subdomain(self.zone):
            raise OptionError(
                f"record: {name!r} is not in the zone {zone!r}.", hint="Write it without the zone, such as www."
            )

    def __str__(self) -> str:
        return f"{self.name.to_text(omit_final_dot=True)} {self.kind}"

    def normal(self, option: str, values: t.Iterable[str]) -> tuple[str, ...]:
        """The values as a server would write them, sorted. Raises OptionError."""
        dns = self._dns
        found = []
        for value in values:
            try:
                data = dns.rdata.from_text("IN", self.kind, str(value), origin=self.zone, relativize=False)
            except (dns.exception.DNSException, ValueError) as error:
                raise OptionError(
                    f"{option}: {value!r} is not a value of a record of type {self.kind}: {error}."
                ) from None
            found.append(data.to_text())
        return tuple(sorted(set(found)))

    def ask(self, server: Address, *, recursive: bool) -> Answer:
        """What this server says now. An answer with an error is an Answer with ``error``."""
        dns = self._dns
        query = dns.message.make_query(self.name, self.kind)
        if not recursive:
            query.flags &= ~dns.flags.RD
        try:
            answer, _tcp = dns.query.udp_with_fallback(query, server.host, timeout=self._seconds, port=server.port)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return Answer(error=_words(error))
        code = dns.rcode.to_text(answer.rcode())
        if code not in ("NOERROR", "NXDOMAIN"):
            return Answer(error=f"it answered {code}")
        kind = dns.rdatatype.from_text(self.kind)
        for found in answer.answer:
            if found.rdtype == kind:
                return Answer(tuple(sorted(data.to_text() for data in found)), int(found.ttl))
        return Answer()

    def update(self, server: Address, key: Key | None, old: tuple[str, ...], new: tuple[str, ...], ttl: int) -> None:
        """Replace exactly the old values, by TCP. Raises LifeboatError; a time-out leaves open what was done."""
        dns = self._dns
        message = dns.update.UpdateMessage(self.zone, **self._signing(key))
        if old:
            message.present(self.name, *[dns.rdata.from_text("IN", self.kind, value) for value in old])
        else:
            message.absent(self.name, self.kind)
        message.delete(self.name, self.kind)
        for value in new:
            message.add(self.name, ttl, self.kind, value)
        try:
            answer = dns.query.tcp(message, server.host, timeout=self._seconds, port=server.port)
        except dns.tsig.PeerError as error:
            raise LifeboatError(
                f"The DNS server {server} refused the signature of the update of {self}: {_words(error)}. "
                "Nothing was changed.",
                hint="Check key_name, key_algorithm and the secret, and compare the clocks.",
            ) from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise LifeboatError(
                f"The DNS server {server} has not said whether it updated {self}: {_words(error)}.",
                hint="Run it again: it looks first, and changes nothing that is done.",
            ) from None
        code = dns.rcode.to_text(answer.rcode())
        if code in _PREREQUISITE:
            raise LifeboatError(
                f"{self} was changed by somebody else at this moment, so the server has left it as it is.",
                hint="Look at the record, correct expect, and run it again.",
            )
        if code != "NOERROR":
            why, hint = _REASONS.get(code, (f"it answered {code}", "Look at its log."))
            raise LifeboatError(f"The DNS server {server} refused the update of {self}: {why}.", hint=hint)

    def _signing(self, key: Key | None) -> dict[str, t.Any]:
        if key is None:
            return {}
        try:
            ring = self._dns.tsigkeyring.from_text({key.name: (key.algorithm, key.secret)})
        except (self._dns.exception.DNSException, ValueError):
            raise OptionError(
                "The secret of the key is not base64.", hint="Take it as tsig-keygen has printed it."
            ) from None
        return {"keyring": ring, "keyalgorithm": key.algorithm}


def wait_for(
    record: Record, resolvers: t.Sequence[Address], wanted: tuple[str, ...], seconds: float, pause: float = 1.0
) -> dict[Address, Answer]:
    """Ask every resolver until all give the wanted values, or the time is over. The last answer of each."""
    end = time.monotonic() + seconds
    answers: dict[Address, Answer] = {}
    while True:
        for resolver in resolvers:
            if answers.get(resolver, Answer()).values != wanted:
                answers[resolver] = record.ask(resolver, recursive=True)
        if all(answer.values == wanted for answer in answers.values()) or time.monotonic() + pause > end:
            return answers
        time.sleep(pause)


def _words(error: BaseException) -> str:
    return f"{str(error).rstrip('.') or type(error).__name__}"
