# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Sends over HTTP: to a webhook, to one of the shape that Slack takes, and to a dead man's switch.

A redirect is not followed, since what is sent would go to somebody else. No error holds the URL: it is a secret.
Facts: healthchecks.io/docs/http_api for the paths of a dead man's switch.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import typing as t
import urllib.error
import urllib.request

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._notify._event import Event

_AGENT = "lifeboat.dr"
_LONGEST_SLACK = 3500  # characters; Slack cuts a message at 4000
_LONGEST_PING = 9000  # bytes; older services keep 10 kB
_PING = {"failure": "/fail", "start": "/start", "test": "/log"}  # all else is a success


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *args: t.Any, **more: t.Any) -> None:
        return None


def post_webhook(event: Event, url: str, token: str, log_lines: int, ca_file: str | None, seconds: float) -> None:
    """Post the event as a JSON document. Raises LifeboatError."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    _post(url, json.dumps(event.document(log_lines)).encode(), "application/json", headers, ca_file, seconds)


def post_slack(event: Event, url: str, log_lines: int, ca_file: str | None, seconds: float) -> None:
    """Post the event as text, which Slack, Mattermost, Rocket.Chat and others take. Raises LifeboatError."""
    subject, _newline, rest = event.text(log_lines).partition("\n")
    body = rest.strip().replace("```", "'''")
    shown = body if len(body) <= _LONGEST_SLACK else body[:_LONGEST_SLACK] + " ..."
    # Slack takes & < > for its own; nothing in an event may mention a channel.
    text = f"*{subject}*\n```\n{shown}\n```".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    _post(url, json.dumps({"text": text}).encode(), "application/json", {}, ca_file, seconds)


def ping_healthchecks(event: Event, url: str, log_lines: int, ca_file: str | None, seconds: float) -> None:
    """Tell a dead man's switch of the event. Raises LifeboatError."""
    address, question, query = url.partition("?")
    body = event.text(log_lines).encode()[-_LONGEST_PING:]
    path = f"{address.rstrip('/')}{_PING.get(event.kind, '')}{question}{query}"
    _post(path, body, "text/plain; charset=utf-8", {}, ca_file, seconds)


def _post(
    url: str, body: bytes, content_type: str, headers: dict[str, str], ca_file: str | None, seconds: float
) -> None:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise LifeboatError(
            f"ca_file: {ca_file} cannot be used ({error.strerror or error}).", hint="Give a file of PEM certificates."
        ) from None
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
    try:
        request = urllib.request.Request(
            url, data=body, method="POST", headers={"Content-Type": content_type, "User-Agent": _AGENT, **headers}
        )
        with opener.open(request, timeout=seconds) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        raise LifeboatError(
            f"the service answered {error.code} {_name(error.code)}.", hint=_advice(error.code)
        ) from None
    except urllib.error.URLError as error:
        raise _unreachable(error.reason) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreachable(error) from None


def _unreachable(reason: object) -> LifeboatError:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return LifeboatError(
            f"the service's certificate is not trusted ({reason.verify_message}).",
            hint="Put it right there, or give ca_file where it is your own.",
        )
    if isinstance(reason, ssl.SSLError):
        return LifeboatError("the service does not speak TLS as it should.", hint="Check the scheme of the URL.")
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return LifeboatError("the service did not answer in time.", hint="Look at it, or raise the channel's timeout.")
    if isinstance(reason, socket.gaierror):
        return LifeboatError("the name of the service's host is not known.", hint="Check the URL and the resolver.")
    if isinstance(reason, OSError):
        why = reason.strerror or type(reason).__name__
        return LifeboatError(f"the service cannot be reached ({why}).", hint="Check the URL and the network.")
    return LifeboatError(  # its own words may hold the URL
        f"what answers is not a service of this kind ({type(reason).__name__}).", hint="Check the URL."
    )


def _name(code: int) -> str:
    return http.client.responses.get(code, "")


def _advice(code: int) -> str:
    if 300 <= code < 400:
        return "It sends elsewhere, and that is not followed: give the URL that it names, if you trust it."
    if code in (401, 403, 404, 410):
        return "The URL or the token is wrong, or was revoked: make a new one."
    if code == 429:
        return "It takes no more for now."
    return "It has a fault of its own: look at it." if code >= 500 else "It does not take what was sent."
