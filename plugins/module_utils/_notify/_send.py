# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Sends an event to every channel that wants it, all at the same time, each within its time limit. It never raises:
whoever is to be notified of a failure must not be the cause of one.
"""

from __future__ import annotations

import dataclasses
import threading
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._apprise import send_apprise
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._http import (
    ping_healthchecks,
    post_slack,
    post_webhook,
)
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._mail import send_mail
from ansible_collections.lifeboat.dr.plugins.module_utils._notify._options import channel_name, check_url

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._notify._event import Event

_LARGEST_SECRET = 64 << 10  # bytes of a file with a URL, a token or a password


@dataclasses.dataclass
class Delivery:
    """Whether a channel took an event, and why not."""

    channel: str
    kind: str  # of the channel
    event: str
    sent: bool = False
    why: str = ""
    seconds: float = 0.0


def send_all(sending: t.Sequence[tuple[t.Mapping[str, t.Any], Event]]) -> list[Delivery]:
    """Send each event to its channel. What has no end within the channel's time limit is left behind as not sent.

    The threads are daemons: one that hangs does not keep the process.
    """
    begun = time.monotonic()
    deliveries = [
        Delivery(channel_name(channel), channel["type"], event.kind, why="it did not end in time")
        for channel, event in sending
    ]
    threads = []
    for (channel, event), delivery in zip(sending, deliveries):
        thread = threading.Thread(target=_deliver, args=(channel, event, delivery, begun), daemon=True)
        thread.start()
        threads.append((thread, begun + _limit(channel)))
    for thread, until in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [dataclasses.replace(delivery) for delivery in deliveries]  # a late thread changes only its own


def _limit(channel: t.Mapping[str, t.Any]) -> float:
    return parse_duration("timeout", channel["timeout"]).total_seconds()


def _deliver(channel: t.Mapping[str, t.Any], event: Event, delivery: Delivery, begun: float) -> None:
    try:
        _send(channel, event)
        delivery.sent, delivery.why = True, ""
    except LifeboatError as error:
        delivery.why = str(error)
    except Exception as error:  # of a library: its words may hold a secret
        delivery.why = f"It failed in an unexpected way ({type(error).__name__})."
    delivery.seconds = round(time.monotonic() - begun, 3)


def _send(channel: t.Mapping[str, t.Any], event: Event) -> None:
    kind, lines, seconds = channel["type"], channel["log_lines"], _limit(channel)
    if kind == "email":
        password = read_secret("smtp_password_file", channel.get("smtp_password_file"))
        return send_mail(event, channel, password, seconds)
    url = channel.get("url") or read_secret("url_file", channel.get("url_file"))
    if kind == "apprise":
        return send_apprise(event, [one for one in url.splitlines() if one.strip() and not one.startswith("#")], lines)
    check_url("url_file", url)
    if kind == "webhook":
        token = read_secret("token_file", channel.get("token_file"))
        return post_webhook(event, url, token, lines, channel.get("ca_file"), seconds)
    post = post_slack if kind == "slack" else ping_healthchecks
    return post(event, url, lines, channel.get("ca_file"), seconds)


def read_secret(option: str, path: str | None) -> str:
    """The content of a file without the white space around it; nothing where no path is given.

    Raises LifeboatError.
    """
    if not path:
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_LARGEST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise LifeboatError(
            f"{option}: {path} cannot be read ({why}).",
            hint="It has to be on the host, readable by the account that sends.",
        ) from None
    if not text:
        raise LifeboatError(f"{option}: {path} is empty.", hint="Write the secret into it.")
    return text
