# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The options of channels that notify people, and what cannot be meant by them. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError

EVENTS = ("failure", "recovery", "overdue", "success", "test")
"""What can have happened. ``test`` is the self-test, which every channel gets."""
JOBS = ("backup", "rehearsal", "prune", "status", "failover")
"""What a notification can be about."""
DEFAULT_EVENTS = ("failure", "recovery", "overdue")
TYPES = ("webhook", "slack", "email", "healthchecks", "apprise")

_MAIL = ("to", "sender", "smtp_host", "smtp_port", "smtp_security", "smtp_user", "smtp_password_file")
_OF_TYPE = {
    "webhook": ("url", "url_file", "token_file", "ca_file"),
    "slack": ("url", "url_file", "ca_file"),
    "email": (*_MAIL, "ca_file"),
    "healthchecks": ("url", "url_file", "ca_file"),
    "apprise": ("url", "url_file"),
}
_COMMON = ("name", "type", "events", "jobs", "timeout", "log_lines")

CHANNEL_OPTIONS: dict[str, dict[str, t.Any]] = {
    "type": {"type": "str", "required": True, "choices": list(TYPES)},
    "name": {"type": "str"},
    "events": {"type": "list", "elements": "str", "choices": [event for event in EVENTS if event != "test"]},
    "jobs": {"type": "list", "elements": "str", "choices": list(JOBS)},
    "url": {"type": "str", "no_log": True},
    "url_file": {"type": "path"},
    "token_file": {"type": "path", "no_log": False},
    "ca_file": {"type": "path"},
    "to": {"type": "list", "elements": "str"},
    "sender": {"type": "str"},
    "smtp_host": {"type": "str", "default": "localhost"},
    "smtp_port": {"type": "int"},
    "smtp_security": {"type": "str", "choices": ["starttls", "tls", "none"], "default": "starttls"},
    "smtp_user": {"type": "str"},
    "smtp_password_file": {"type": "path", "no_log": False},
    "timeout": {"type": "str", "default": "10s"},
    "log_lines": {"type": "int", "default": 30},
}
"""The keys of one channel."""

CHANNELS_SPEC: dict[str, dict[str, t.Any]] = {
    "notifications": {
        "type": "list",
        "elements": "dict",
        "options": CHANNEL_OPTIONS,
        "mutually_exclusive": [["url", "url_file"]],
        "required_together": [["smtp_user", "smtp_password_file"]],
    }
}
"""The option ``notifications``, of a plan and of the module that sends."""

_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1, 120


def channel_name(channel: t.Mapping[str, t.Any]) -> str:
    """What people call the channel: its name, or its type where it has none."""
    return str(channel.get("name") or channel["type"])


def check_channels(channels: t.Sequence[t.Mapping[str, t.Any]] | None) -> None:
    """Raise OptionError for what cannot be meant. No value that may hold a secret is repeated."""
    names = [channel_name(channel) for channel in channels or ()]
    for number, channel in enumerate(channels or ()):
        place = f"notifications[{number}]"
        _check_channel(place, channel)
        if names.count(names[number]) > 1:
            raise OptionError(
                f"{place}: {names[number]} is the name of {names.count(names[number])} channels.",
                hint="Give each a name of its own, so that what is said of it can be understood.",
            )


def _check_channel(place: str, channel: t.Mapping[str, t.Any]) -> None:
    kind = channel["type"]
    known = (*_COMMON, *_OF_TYPE[kind])
    for key, value in channel.items():
        if key not in known and value is not None and value != CHANNEL_OPTIONS[key].get("default"):
            raise OptionError(f"{place}.{key} is not an option of {kind}.", hint=f"Its options are {', '.join(known)}.")
    if kind == "email":
        _check_mail(place, channel)
    elif not channel.get("url") and not channel.get("url_file"):
        raise OptionError(
            f"{place}: url_file is missing, and so is url.",
            hint="Give the path of a file that holds the URL, readable by the account that backs up alone: who knows "
            "it can write to the channel.",
        )
    if kind == "healthchecks" and channel.get("events"):
        raise OptionError(
            f"{place}.events is not an option of healthchecks.",
            hint="Remove it: the service raises the alarm when it hears of no success, so it is sent every result.",
        )
    if channel.get("url") and kind != "apprise":
        check_url(f"{place}.url", channel["url"])
    seconds = parse_duration(f"{place}.timeout", channel.get("timeout") or "10s").total_seconds()
    if not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        raise OptionError(
            f"{place}.timeout is {channel['timeout']}.",
            hint=f"Give {_SHORTEST_SECONDS}s to {_LONGEST_SECONDS}s: a backup waits for it at its end.",
        )
    if (channel.get("log_lines") or 0) < 0:
        raise OptionError(f"{place}.log_lines is {channel['log_lines']}.", hint="Give 0 or more.")


def check_url(option: str, url: str) -> None:
    """Raise OptionError for what is not the URL of a service. The URL is a secret and is not repeated."""
    if not re.fullmatch(r"https?://[^/\s]+\S*", url):
        raise OptionError(
            f"{option} is not an http or https URL ({len(url)} characters).", hint="Write it as https://host/path."
        )


def _check_mail(place: str, channel: t.Mapping[str, t.Any]) -> None:
    if not channel.get("to"):
        raise OptionError(f"{place}.to is missing.", hint="Give the addresses that the mail goes to, as a list.")
    for option, address in (
        *(("to", one) for one in channel["to"]),
        *([("sender", channel["sender"])] if channel.get("sender") else []),
    ):
        if not _ADDRESS.fullmatch(str(address)):
            raise OptionError(f"{place}.{option}: {address!r} is not an e-mail address.", hint="Write user@host.")
    port = channel.get("smtp_port")
    if port is not None and not 1 <= port <= 65535:
        raise OptionError(f"{place}.smtp_port is {port}.", hint="Give 1 to 65535.")
    if channel.get("smtp_user") and channel.get("smtp_security") == "none":
        raise OptionError(
            f"{place}.smtp_security is none, and smtp_user is given.",
            hint="Use starttls or tls: without, the password would cross the network in plain text.",
        )


def wanted(channel: t.Mapping[str, t.Any], event: str, job: str = "backup") -> bool:
    """Whether the channel gets this event of this job.

    A dead man's switch waits for one job, the backup if nothing else is said; all others get every job.
    """
    if event == "test":
        return True
    is_switch = channel["type"] == "healthchecks"
    if job not in (channel.get("jobs") or (("backup",) if is_switch else JOBS)):
        return False
    if is_switch:
        return event in ("start", "failure", "recovery", "success")
    return event in (channel.get("events") or DEFAULT_EVENTS)
