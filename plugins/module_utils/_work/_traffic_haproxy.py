# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``traffic_haproxy``: which servers of an HAProxy serve."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._traffic._haproxy import Haproxy, Server

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "socket": {"type": "str", "required": True},
    "enable": {"type": "list", "elements": "str", "default": []},
    "disable": {"type": "list", "elements": "str", "default": []},
    "end_sessions": {"type": "bool", "default": True},
    "wait": {"type": "str", "default": "30s"},
    "timeout": {"type": "str", "default": "5s"},
}


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    enable, disable = options["enable"], options["disable"]
    _check(enable, disable)
    wait = parse_duration("wait", options["wait"]).total_seconds()
    haproxy = Haproxy(options["socket"], parse_duration("timeout", options["timeout"]).total_seconds())
    before = haproxy.servers()
    unknown = sorted({*enable, *disable} - set(before))
    if unknown:
        raise OptionError(
            f"HAProxy at {options['socket']} does not have the server {', '.join(unknown)}. Nothing was changed.",
            hint=f"It has: {', '.join(sorted(before)) or 'none'}.",
        )
    to_enable = [name for name in enable if before[name].is_out]
    to_disable = [name for name in disable if not before[name].is_out]
    changed = bool(to_enable or to_disable)
    if module.check_mode:
        return _result(before, [*enable, *disable], before, changed, set(to_enable), set(to_disable))
    with left_when_stopped("Some of the servers may have been switched: run it again."):
        _enable(haproxy, to_enable, enable, wait)
        after = _disable(haproxy, to_disable, disable, bool(options["end_sessions"]))
    return _result(before, [*enable, *disable], after, changed)


def _check(enable: list[str], disable: list[str]) -> None:
    if not enable and not disable:
        raise OptionError("Neither enable nor disable names a server.", hint="Write them as backend/server.")
    for option, names in (("enable", enable), ("disable", disable)):
        for name in names:
            backend, _slash, server = name.partition("/")
            if not backend or not server or any(char in name for char in " ;\n\t"):
                raise OptionError(f"{option}: {name!r} is not a server.", hint="Write it as backend/server.")
    both = sorted(set(enable) & set(disable))
    if both:
        raise OptionError(f"{', '.join(both)} is in enable and in disable.", hint="Name it in one of them.")


def _enable(haproxy: Haproxy, to_enable: list[str], all_names: list[str], wait: float) -> None:
    """The new ones first: where they do not come up, the old ones are left as they are."""
    for name in to_enable:
        haproxy.put_in(name)
    servers = haproxy.wait_for(all_names, lambda server: server.serves, wait)
    down = [f"{name} ({servers[name].status})" for name in all_names if not servers[name].serves]
    if down:
        raise LifeboatError(
            f"HAProxy does not find these servers up after {wait:g} s: {', '.join(down)}. No server was taken out.",
            hint="Look at the health check of the backend, and at the application. Then run it again.",
        )


def _disable(haproxy: Haproxy, names: list[str], all_names: list[str], end_sessions: bool) -> dict[str, Server]:
    for name in names:
        haproxy.take_out(name)
        if end_sessions:
            haproxy.end_sessions(name)
    servers = haproxy.wait_for(
        all_names, lambda server: server.is_out and not (end_sessions and server.sessions), seconds=5
    )
    still = [f"{name} ({servers[name].status})" for name in all_names if not servers[name].is_out]
    if still:
        raise LifeboatError(
            f"HAProxy was asked to take these servers out, and has not: {', '.join(still)}.",
            hint="Another program may switch them, too. Run it again.",
        )
    return servers


def _result(
    before: t.Mapping[str, Server],
    names: list[str],
    after: t.Mapping[str, Server],
    changed: bool,
    planned_in: t.Collection[str] = (),
    planned_out: t.Collection[str] = (),
) -> dict[str, t.Any]:
    def status(name: str) -> str:
        return (
            "would serve" if name in planned_in else "would be taken out" if name in planned_out else after[name].status
        )

    return {
        "changed": changed,
        "servers": [
            {
                "server": name,
                "before": before[name].status,
                "after": status(name),
                "sessions": after[name].sessions,
            }
            for name in names
        ],
        "diff": {
            "before": "".join(f"{name}: {before[name].status}\n" for name in names),
            "after": "".join(f"{name}: {status(name)}\n" for name in names),
        },
    }
