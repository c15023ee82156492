# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``notification``: which events the outcomes of a run amount to, and who gets which of them."""

from __future__ import annotations

import datetime
import os
import platform
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._backup import _manifest
from ansible_collections.lifeboat.dr.plugins.module_utils._backup._run import default_state_dir
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._event import (
    STATES,
    Event,
    Known,
    Outcome,
    kinds_of,
    known_after,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._memory import (
    memory_path,
    read_memory,
    write_memory,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._options import (
    CHANNELS_SPEC,
    JOBS,
    channel_name,
    check_channels,
    wanted,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._send import Delivery, send_all

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "notifications": {**CHANNELS_SPEC["notifications"], "required": True},
    "app": {"type": "str", "required": True},
    "job": {"type": "str", "required": True, "choices": list(JOBS)},
    "event": {"type": "str", "choices": ["outcomes", "start", "test"], "default": "outcomes"},
    "components": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": list(STATES)},
            "reason": {"type": "str", "default": ""},
        },
    },
    "labels": {"type": "dict"},
    "log_file": {"type": "path"},
    "host": {"type": "str"},
    "state_dir": {"type": "path"},
    "required": {"type": "bool", "default": False},
}
_LARGEST_TAIL = 256 << 10  # bytes of a log's end that are read

Sending = list[tuple[t.Mapping[str, t.Any], Event]]


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result."""
    options = module.params
    _manifest.check_name("app", options["app"])
    check_channels(options["notifications"])
    now = time.time()
    path = memory_path(options["state_dir"] or default_state_dir(), options["app"], options["job"])
    before = _remembered(module, path) if options["event"] == "outcomes" else {}
    events = _events(options, before, now)
    sending = chosen(options["notifications"], events, options["job"])
    if module.check_mode:
        return {
            "changed": False,
            "events": list(events),
            "deliveries": [_planned(one, event) for one, event in sending],
        }
    deliveries = send_all(sending)
    for delivery in deliveries:
        if not delivery.sent:
            module.warn(f"{delivery.channel} was not notified of the {delivery.event}: {delivery.why}")
    if options["event"] == "outcomes" and options["components"]:
        _remember(module, path, events, before, now, _unheard(events, deliveries))
    return _result(events, deliveries, options["required"])


def chosen(channels: t.Sequence[t.Mapping[str, t.Any]], events: t.Mapping[str, Event], job: str) -> Sending:
    """Who gets what. A dead man's switch takes one answer for a run, and the worst is the true one."""
    sending: Sending = []
    for channel in channels:
        kinds = [kind for kind in events if wanted(channel, kind, job)]
        if channel["type"] == "healthchecks" and "failure" in kinds:
            kinds = ["failure"]
        sending += [(channel, events[kind]) for kind in kinds]
    return sending


def _events(options: t.Mapping[str, t.Any], before: t.Mapping[str, Known], now: float) -> dict[str, Event]:
    kind = options["event"]
    if kind != "outcomes" and options["components"]:
        raise OptionError(f"components is given, and event is {kind}.", hint="Leave one of them out.")
    outcomes = [Outcome(one["name"], one["state"], one["reason"]) for one in options["components"]]
    kinds = kinds_of(outcomes, before, now) if kind == "outcomes" else {kind: ()}
    log = _tail(options["log_file"])
    return {
        one: Event(
            kind=one,
            app=options["app"],
            job=options["job"],
            host=options["host"] or platform.node(),
            time=_manifest.iso(datetime.datetime.fromtimestamp(now, datetime.timezone.utc)),
            outcomes=about,
            labels=tuple(sorted((str(name), str(value)) for name, value in (options["labels"] or {}).items())),
            log=log if one in ("failure", "overdue") else (),
        )
        for one, about in kinds.items()
    }


def _tail(path: str | None) -> tuple[str, ...]:
    """The end of the log; nothing where it cannot be read: the message matters more."""
    if not path:
        return ()
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LARGEST_TAIL))
            return tuple(file.read().decode("utf-8", "replace").splitlines())
    except OSError:
        return ()


def _remembered(module: AnsibleModule, path: str) -> dict[str, Known]:
    try:
        return read_memory(path)
    except LifeboatError as error:
        module.warn(str(error))
        return {}


def _unheard(events: t.Mapping[str, Event], deliveries: t.Sequence[Delivery]) -> set[str]:
    """The components of events that were sent, and that not one channel took."""
    tried = {delivery.event for delivery in deliveries}
    heard = {delivery.event for delivery in deliveries if delivery.sent}
    return {outcome.name for kind in tried - heard for outcome in events[kind].outcomes}


def _remember(
    module: AnsibleModule,
    path: str,
    events: t.Mapping[str, Event],
    before: t.Mapping[str, Known],
    now: float,
    unheard: t.Collection[str],
) -> None:
    said = {outcome.name for event in events.values() for outcome in event.outcomes}
    outcomes = [Outcome(one["name"], one["state"]) for one in module.params["components"]]
    try:
        write_memory(path, known_after(outcomes, before, said, now, unheard))
    except LifeboatError as error:
        module.warn(str(error))


def _planned(channel: t.Mapping[str, t.Any], event: Event) -> dict[str, t.Any]:
    return {
        "channel": channel_name(channel),
        "type": channel["type"],
        "event": event.kind,
        "sent": False,
        "why": "check mode",
    }


def _result(events: t.Mapping[str, Event], deliveries: t.Sequence[Delivery], required: bool) -> dict[str, t.Any]:
    lost = [delivery for delivery in deliveries if not delivery.sent]
    result: dict[str, t.Any] = {
        "changed": False,
        "events": list(events),
        "deliveries": [
            {
                "channel": delivery.channel,
                "type": delivery.kind,
                "event": delivery.event,
                "sent": delivery.sent,
                "why": delivery.why,
                "seconds": delivery.seconds,
            }
            for delivery in deliveries
        ],
    }
    if required and lost:
        whys = " ".join(f"{delivery.channel}: {delivery.why}" for delivery in lost)
        result["failed"] = True
        result["msg"] = f"{len(lost)} of {plural(len(deliveries), 'notification')} did not arrive. {whys}"
    return result
