# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Sends through Apprise, a library that knows more than a hundred services.

It says little of why something failed, and what it logs may hold secrets; so its words are not repeated. Since 2.0 what
it returns is never ``False`` itself, only as good as.
"""

from __future__ import annotations

import logging
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, MissingRequirementError

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._notify._event import Event

_TYPES = {"failure": "failure", "overdue": "warning", "recovery": "success", "success": "success"}


def send_apprise(event: Event, urls: t.Sequence[str], log_lines: int) -> None:
    """Send to every service that the URLs name. Raises LifeboatError."""
    try:
        import apprise
    except ImportError:
        raise MissingRequirementError(
            "The Python library apprise is not installed on this host.",
            hint="Install it beside the other libraries (pip install 'apprise>=1.9,<3'), or use another channel.",
        ) from None
    logging.getLogger("apprise").disabled = True
    services = apprise.Apprise()
    for number, url in enumerate(urls, start=1):
        if not services.add(url.strip()):
            raise LifeboatError(
                f"URL {number} of {len(urls)} is not one of a service that Apprise knows.",
                hint="Try it with the command apprise; its documentation lists the services and their URLs.",
            )
    kind = _TYPES.get(event.kind, "info")
    if not services.notify(title=event.subject, body=event.text(log_lines), notify_type=kind):
        raise LifeboatError(
            f"Apprise could not notify every one of {len(services)} services.",
            hint="Try each URL with the command apprise --verbose, which says why.",
        )
