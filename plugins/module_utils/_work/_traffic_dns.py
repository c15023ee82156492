# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``traffic_dns``: a record that names the region that serves."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._traffic import _dns

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "server": {"type": "str", "required": True},
    "zone": {"type": "str", "required": True},
    "record": {"type": "str", "required": True},
    "type": {"type": "str", "default": "A", "choices": ["A", "AAAA", "CNAME"]},
    "value": {"type": "list", "elements": "str", "required": True},
    "expect": {"type": "list", "elements": "str", "required": True},
    "ttl": {"type": "int", "default": 60},
    "key_name": {"type": "str", "no_log": False},
    "key_algorithm": {
        "type": "str",
        "default": "hmac-sha256",
        "choices": ["hmac-sha256", "hmac-sha384", "hmac-sha512"],
        "no_log": False,
    },
    "key_secret": {"type": "str", "no_log": True},
    "key_secret_file": {"type": "path", "no_log": False},  # the place of a secret
    "resolvers": {"type": "list", "elements": "str", "default": []},
    "wait": {"type": "str", "default": "3m"},
    "timeout": {"type": "str", "default": "5s"},
}
RULES: dict[str, t.Any] = {
    "mutually_exclusive": [("key_secret", "key_secret_file")],
    "required_by": {"key_secret": "key_name", "key_secret_file": "key_name"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    return _Switch(module).run()


class _Switch:
    """One record, from what it was expected to be to what it shall be."""

    def __init__(self, module: AnsibleModule) -> None:
        options = module.params
        self._check_mode = bool(module.check_mode)
        self._server = _dns.read_address("server", options["server"])
        self._resolvers = [
            _dns.read_address(f"resolvers[{number}]", text) for number, text in enumerate(options["resolvers"])
        ]
        self._wait = parse_duration("wait", options["wait"]).total_seconds()
        timeout = parse_duration("timeout", options["timeout"]).total_seconds()
        if options["ttl"] < 1:
            raise OptionError(f"ttl is {options['ttl']}.", hint="Give seconds, 60 for instance.")
        self._ttl = options["ttl"]
        self._record = _dns.Record(options["zone"], options["record"], options["type"], timeout)
        self._value = self._record.normal("value", options["value"])
        self._expect = self._record.normal("expect", options["expect"])
        if not self._value:
            raise OptionError("value is empty.", hint="Name the address of the region that shall serve.")
        self._key = _key(options)

    def run(self) -> dict[str, t.Any]:
        """Look, refuse, change, read back."""
        before = self._record.ask(self._server, recursive=False)
        if before.error:
            raise LifeboatError(
                f"The DNS server {self._server} cannot be asked for {self._record}: {before.error}. "
                "Nothing was changed."
            )
        done = before.values == self._value
        if not done:
            self._refuse(before)
            if not self._check_mode:
                self._change(before)
        changed = not done or before.ttl != self._ttl
        if done and changed and not self._check_mode:
            self._record.update(self._server, self._key, self._value, self._value, self._ttl)
        answers = self._read_back(wanted=before.values if self._check_mode else self._value)
        return self._result(before, answers, changed)

    def _refuse(self, before: _dns.Answer) -> None:
        if before.values != self._expect:
            raise LifeboatError(
                f"{self._record} is {_shown(before.values)}, and neither what expect says ({_shown(self._expect)}) nor "
                f"the new value. Somebody else has changed it. Nothing was changed.",
                hint="Find out who serves now. If this change is right, correct expect.",
            )
        if self._resolvers and before.ttl > self._wait:
            raise LifeboatError(
                f"{self._record} has a TTL of {before.ttl} s: resolvers may give the old value for so long, and wait "
                f"is {self._wait:g} s. Nothing was changed.",
                hint="Lower the TTL days before (60 s is usual), or raise wait.",
            )

    def _change(self, before: _dns.Answer) -> None:
        with left_when_stopped(f"{self._record} may have been changed: run it again to see."):
            try:
                self._record.update(self._server, self._key, before.values, self._value, self._ttl)
            except LifeboatError:
                after = self._record.ask(self._server, recursive=False)
                if after.values != self._value:  # else the answer was lost, and the update was not
                    raise

    def _read_back(self, wanted: tuple[str, ...]) -> dict[_dns.Address, _dns.Answer]:
        """Raises LifeboatError when not every resolver gives the wanted values in time."""
        if not self._check_mode:
            after = self._record.ask(self._server, recursive=False)
            if after.values != wanted:
                raise LifeboatError(
                    f"The DNS server {self._server} has taken the update, and says that {self._record} is "
                    f"{_shown(after.values)} {after.error}".rstrip()
                    + ".",
                    hint="Look at the zone: another program may write it, too.",
                )
        answers = _dns.wait_for(self._record, self._resolvers, wanted, 0 if self._check_mode else self._wait)
        wrong = {str(where): answer for where, answer in answers.items() if answer.values != wanted}
        if wrong:
            words = "; ".join(f"{where}: {one.error or _shown(one.values)}" for where, one in wrong.items())
            state = "Nothing was changed." if self._check_mode else f"{self._server} has the new value."
            raise LifeboatError(
                f"{len(wrong)} of {len(answers)} resolvers do not say {self._record} is {_shown(wanted)}: {words}. "
                f"{state}",
                hint="Run it again: it waits for these, and changes nothing that is done. Keep the old region fenced.",
                details={"resolvers": _described(answers, wanted)},
            )
        return answers

    def _result(
        self, before: _dns.Answer, answers: t.Mapping[_dns.Address, _dns.Answer], changed: bool
    ) -> dict[str, t.Any]:
        name = str(self._record)
        return {
            "changed": changed,
            "record": name,
            "before": {"values": list(before.values), "ttl": before.ttl},
            "after": {"values": list(self._value), "ttl": self._ttl},
            "resolvers": _described(answers, before.values if self._check_mode else self._value),
            "diff": {
                "before": f"{name} {_shown(before.values)} {before.ttl}\n",
                "after": f"{name} {_shown(self._value)} {self._ttl}\n",
            },
        }


def _key(options: t.Mapping[str, t.Any]) -> _dns.Key | None:
    name, secret, path = options["key_name"], options["key_secret"], options["key_secret_file"]
    if not name:
        return None
    if path:
        try:
            with open(path, encoding="utf-8") as file:
                secret = file.read().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(f"key_secret_file: {path} cannot be read: {error}.") from None
    if not secret:
        raise OptionError("key_name is given without a secret.", hint="Give key_secret_file.")
    return _dns.Key(name, secret, options["key_algorithm"])


def _described(answers: t.Mapping[_dns.Address, _dns.Answer], wanted: tuple[str, ...]) -> list[dict[str, t.Any]]:
    return [
        {
            "resolver": str(where),
            "values": list(answer.values),
            "ttl": answer.ttl,
            "error": answer.error,
            "agrees": answer.values == wanted,
        }
        for where, answer in answers.items()
    ]


def _shown(values: t.Sequence[str]) -> str:
    return ", ".join(values) or "nothing"
