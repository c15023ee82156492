# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Checks what a failover does around the database, before anything is touched. Pure.

Each section is a list of entries with a ``kind``, which says what the other keys are. Everything that differs between
the regions is a dictionary by region, so that the same entries serve the way there and the way back.
"""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import ENCRYPTION_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.client import _options as _nats_options
from ansible_collections.lifeboat.dr.plugins.module_utils._repository import REPOSITORY_SPEC
from ansible_collections.lifeboat.dr.plugins.module_utils._s3.access import _side
from ansible_collections.lifeboat.dr.plugins.module_utils._stores.redis import _options as _redis_options
from ansible_collections.lifeboat.dr.plugins.module_utils._work import (
    _application_check,
    _s3_fence,
    _traffic_dns,
    _traffic_haproxy,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._checked_options import validated

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.plugin_utils._engines import Spec

_HOST: Spec = {"host": {"type": "str"}}  # the inventory name of where it is done; the host of the play if not given
_RUN_AS: Spec = {**_HOST, "run_as": {"type": "str"}}  # where it is done, and by whom
_TASKS: Spec = {"file": {"type": "path", "required": True}}


def _without(spec: Spec, *names: str) -> Spec:
    return {name: option for name, option in spec.items() if name not in names}


_ADDRESSES: Spec = {"addresses": {"type": "dict", "required": True}}
_SERVERS: Spec = {"servers": {"type": "dict", "required": True}}
_BUCKETS: Spec = {"buckets": {"type": "dict", "required": True}}
_PLACES = ("login_host", "login_port", "login_unix_socket")
_NAME: Spec = {"name": {"type": "str", "required": True}}
_SAVED: Spec = {"repositories": {**REPOSITORY_SPEC["repositories"], "required": False}, **ENCRYPTION_SPEC}
_COMPONENT: Spec = {"component": {"type": "str", "required": True}}
KINDS: dict[str, dict[str, Spec]] = {
    "stores": {
        "redis": {
            **_NAME,
            **_without(_redis_options.CONNECTION_SPEC, *_PLACES),
            **_SERVERS,
            "durable": {"type": "bool", "default": True},
            "min_replicas": {"type": "int"},
            **_SAVED,
        },
        "s3": {
            **_NAME,
            **_BUCKETS,
            "prefix": {"type": "str"},
            "level": {"type": "str", "choices": ["listing", "versions", "checksum", "content"]},
            "allow_empty": {"type": "bool"},
            "pause": {"type": "bool"},
            "rules": {"type": "list", "elements": "dict"},
            "role_arn": {"type": "str"},
            "state_dir": {"type": "path"},
            "settings_file": {"type": "path"},
            "settings_owner": {"type": "str"},
            "settings_group": {"type": "str"},
            "file": {"type": "path"},
            "heartbeat_every": {"type": "str"},
            **_HOST,
        },
        "jetstream": {
            **_NAME,
            **_SERVERS,
            "streams": {"type": "list", "elements": "str", "required": True},
            "subjects": {"type": "dict"},
            "method": {"type": "str", "choices": ["mirror", "restore"], "default": "mirror"},
            "component": {"type": "str"},
            "nats_server_binary": {"type": "path"},
            **_SAVED,
        },
    },
    "application": {
        "systemd": _SERVERS,
        "compose": _SERVERS,
        "kubernetes": _SERVERS,
        "tasks": {**_TASKS, "stop_file": {"type": "path"}},
    },
    "fences": {
        "systemd": _SERVERS,
        "postgresql": _SERVERS,
        "haproxy": {"socket": {"type": "str", "required": True}, "wait": {"type": "str"}, **_SERVERS, **_HOST},
        "bucket": {**_BUCKETS, **_HOST},
        "tasks": {**_TASKS, "undo_file": {"type": "path"}},
    },
    "health": {
        "http": {
            **_application_check.OF_URL_SPEC,
            "url": {"type": "str", "required": True},
            "wait": {"type": "str"},
            **_HOST,
        },
    },
    "traffic": {
        "dns": {**_without(_traffic_dns.ARGUMENT_SPEC, "value", "expect"), **_ADDRESSES, **_HOST},
        "haproxy": {**_without(_traffic_haproxy.ARGUMENT_SPEC, "enable", "disable"), **_SERVERS, **_HOST},
        "route53": {
            "zone": {"type": "str", "required": True},
            "record": {"type": "str", "required": True},
            "type": {"type": "str", "default": "A", "choices": ["A", "AAAA", "CNAME"]},
            "ttl": {"type": "int", "default": 60},
            "endpoint_url": {"type": "str"},
            **_ADDRESSES,
            **_HOST,
        },
        "tasks": _TASKS,
    },
    "protect": {
        "buckets": {"store": {"type": "str", "required": True}},
        "archive": {**_COMPONENT, **_SERVERS},
        "backup": {**_COMPONENT, **_SERVERS},
        "tasks": _TASKS,
    },
}
"""The keys of each kind, by section and kind."""

SECTIONS_SPEC: Spec = {section: {"type": "list", "elements": "raw"} for section in KINDS}
"""The sections as keys of a plan."""

_OF_REGIONS = ("addresses", "buckets", "servers")  # dictionaries by region: of lists, or of what follows
_REDIS_PLACE: Spec = {
    **{name: _redis_options.CONNECTION_SPEC[name] for name in _PLACES},
    "login_host": {"type": "str", "required": True},
    **_HOST,
}
IN_REGION: dict[str, Spec] = {
    "redis": _REDIS_PLACE,
    "jetstream": {
        **_nats_options.CONNECTION_SPEC,
        **_HOST,
        "source_domain": {"type": "str"},  # how a mirror in the other region reaches the streams of this one
        "source_api": {"type": "str"},
    },
    "s3": _side.CONNECTION_SPEC,
    "bucket": {**_side.CONNECTION_SPEC, "writer": {"type": "dict", "options": _s3_fence.WRITER_SPEC}},
    "systemd": {"units": {"type": "list", "elements": "str", "required": True}, **_HOST},
    "compose": {"project_src": {"type": "path", "required": True}, **_HOST},
    "kubernetes": {
        "namespace": {"type": "str", "required": True},
        "deployments": {"type": "dict", "required": True},
        "kubeconfig": {"type": "path"},
        "context": {"type": "str"},
        **_HOST,
    },
    "postgresql": {"dsn": {"type": "str", "required": True}, **_HOST},
    "archive": {
        "dsn": {"type": "str", "required": True},
        "archive": {"type": "str"},
        "archive_timeout": {"type": "str"},
        "program": {"type": "path"},
        "config_dir": {"type": "path"},
        "spool_dir": {"type": "path"},
        "python": {"type": "path"},
        **_RUN_AS,
    },
    "backup": {"options": {"type": "dict", "default": {}}, **_RUN_AS},
}
"""The keys of each region, of the kinds of stores."""

_DURATIONS = ("wait", "timeout", "within", "heartbeat_every")


def failover_errors(given: t.Mapping[str, t.Any]) -> list[str]:
    """Every mistake in the sections, in words that a person can act on; empty when they can be used.

    ``given`` has the sections by name, ``regions``, the names of the region that is left and of the one that takes
    over, and ``components``, the names of the plan's components.
    """
    regions = [str(region) for region in given.get("regions") or []]
    errors: list[str] = []
    for section, kinds in KINDS.items():
        entries = given.get(section)
        if entries is None:
            continue
        if not isinstance(entries, list):
            errors.append(f"{section} is {type(entries).__name__} and not a list of {{kind: ..., ...}}.")
            continue
        for number, entry in enumerate(entries):
            errors += _entry_errors(f"{section}[{number}]", kinds, entry, regions)
    return errors + _name_errors(given.get("stores")) + _protect_errors(given)


def _name_errors(stores: t.Any) -> list[str]:
    """A name stands for one store in the table of losses."""
    entries = _entries({"stores": stores}, "stores")
    names = [str(entry.get("name")) for entry in entries]
    return [
        f"stores: {name} is the name of two. Give each its own." for name in sorted({*names}) if names.count(name) > 1
    ]


def _protect_errors(given: t.Mapping[str, t.Any]) -> list[str]:
    """What is protected has to be there: a pair of buckets, or a component of the plan."""
    stores = [entry for entry in _entries(given, "stores") if entry.get("kind") == "s3" and entry.get("rules")]
    there = {
        "store": ("a store of the kind s3 with rules", [entry.get("name") for entry in stores]),
        "component": ("a component", given.get("components") or []),
    }
    return [
        f"protect[{number}].{key} is {entry[key]!r}, and there is no such thing: it has to be {what} of the plan "
        f"({', '.join(map(str, names)) or 'there is none'})."
        for number, entry in enumerate(_entries(given, "protect"))
        for key, (what, names) in there.items()
        if key in entry and entry[key] not in names
    ]


def _entries(given: t.Mapping[str, t.Any], section: str) -> list[t.Mapping[str, t.Any]]:
    """Those that are dictionaries: what else is there was named as a mistake before."""
    entries = given.get(section)
    return [entry for entry in entries if isinstance(entry, t.Mapping)] if isinstance(entries, list) else []


def _entry_errors(place: str, kinds: dict[str, Spec], entry: t.Any, regions: list[str]) -> list[str]:
    if not isinstance(entry, t.Mapping):
        return [f"{place} is {type(entry).__name__} and not {{kind: ..., ...}}."]
    kind = entry.get("kind")
    if kind not in kinds:
        found = "has no kind" if kind is None else f"has the kind {kind!r}"
        return [f"{place} {found}. There are: {', '.join(kinds)}."]
    spec: Spec = {"kind": {"type": "str", "required": True}, **kinds[str(kind)]}
    errors, values = validated(place, spec, entry)
    if errors:
        return errors
    for name in _DURATIONS:
        if isinstance(values.get(name), str):
            errors += _caught(lambda name=name: parse_duration(f"{place}.{name}", values[name]))
    if kind == "http":
        errors += _caught(lambda: _application_check.read_question(place, values))
    if values.get("method") == "restore" and not values.get("repositories"):
        errors.append(f"{place}.repositories is missing: method is restore. Name where its backups are.")
    for name in _OF_REGIONS:
        if name in spec:
            errors += _region_errors(f"{place}.{name}", values[name], regions, IN_REGION.get(str(kind)))
    return errors


def _region_errors(place: str, by_region: t.Mapping[str, t.Any], regions: list[str], spec: Spec | None) -> list[str]:
    errors = [
        f"{place} says nothing of the region {region}. Write {{{region}: {'{...}' if spec else '[...]'}}} in it."
        for region in regions
        if region not in by_region
    ]
    if spec:
        return errors + [
            error for region, value in by_region.items() for error in _place_errors(f"{place}.{region}", spec, value)
        ]
    return errors + [
        f"{place}.{region} is {value!r} and not a list of at least one."
        for region, value in by_region.items()
        if not isinstance(value, list) or not value
    ]


def _place_errors(place: str, spec: Spec, value: t.Any) -> list[str]:
    errors, values = validated(place, spec, value)
    if not errors and "url" in spec:
        return _caught(lambda: _nats_options.check_connection(values, f"{place}: "))
    return errors


def _caught(check: t.Callable[[], t.Any]) -> list[str]:
    try:
        check()
    except OptionError as error:
        return [str(error)]
    return []
