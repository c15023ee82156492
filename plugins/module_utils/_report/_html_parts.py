# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The smallest parts of the HTML report.

Every value from outside goes through :func:`text` or :func:`name` and through nothing else.
"""

from __future__ import annotations

import html
import typing as t
from collections.abc import Iterable, Sequence

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import (
    UNKNOWN,
    exact_bytes,
    exact_seconds,
    format_bytes,
    format_count,
    format_scalar,
    format_seconds,
    format_timestamp,
    is_hash,
    parse_timestamp,
    shorten_hash,
    visible,
)

# One drawing per status, used by reference: a report on thousands of tables stays small.
ICONS = """<svg class="hidden" aria-hidden="true" focusable="false">
<symbol id="icon-passed" viewBox="0 0 24 24"><circle cx="12" cy="12" r="11" fill="currentColor"/>
<path d="M6.5 12.5l3.7 3.7 7.3-8" class="mark"/></symbol>
<symbol id="icon-failed" viewBox="0 0 24 24">
<path d="M7.4 1h9.2L23 7.4v9.2L16.6 23H7.4L1 16.6V7.4z" fill="currentColor"/>
<path d="M7.8 7.8l8.4 8.4m0-8.4l-8.4 8.4" class="mark"/></symbol>
<symbol id="icon-error" viewBox="0 0 24 24">
<path d="M12 1.5L23.5 22H.5z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/>
<path d="M12 8.5v6.5m0 3.4v.1" class="mark"/></symbol>
<symbol id="icon-skipped" viewBox="0 0 24 24">
<circle cx="12" cy="12" r="10" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="4.2 3"/>
<path d="M8 12h8" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"/></symbol>
</svg>"""


def text(value: str) -> str:
    """Any text as HTML text or as the value of a quoted attribute, line breaks kept."""
    return html.escape(visible(value, keep="\n\t"), quote=True)


def name(value: str, tag: str = "") -> str:
    """A name that somebody else chose: its writing direction cannot reorder what stands around it."""
    isolated = f'<bdi dir="auto">{text(value)}</bdi>'
    return f"<{tag}>{isolated}</{tag}>" if tag else isolated


def icon(status: str) -> str:
    return f'<svg class="icon {status}" aria-hidden="true" focusable="false"><use href="#icon-{status}"/></svg>'


def badge(status: str, word: str = "") -> str:
    """Colour, shape and word."""
    return f'<span class="status {status}">{icon(status)}{text(word or status)}</span>'


def humanised(short: str, exact: str) -> str:
    """A number for people; the exact one shows on hovering."""
    if short == UNKNOWN:
        return f'<span class="unknown">{UNKNOWN}</span>'
    return f'<span title="{text(exact)}">{text(short)}</span>'


def size(count: int | None) -> str:
    return humanised(format_bytes(count), exact_bytes(count))


def duration(seconds: float | None) -> str:
    return humanised(format_seconds(seconds), exact_seconds(seconds))


def number(count: int | None) -> str:
    return humanised(format_count(count), format_count(count))


def moment(timestamp: str | None) -> str:
    shown = format_timestamp(timestamp)
    if timestamp is None or parse_timestamp(timestamp) is None:
        return humanised(shown, shown)
    return f'<time datetime="{text(timestamp)}">{shown}</time>'


def scalar(value: t.Any) -> str:
    """An expected or observed value; a large number gets its separators, a hash its own typeface."""
    if value is None:
        return ""
    return name(format_scalar(value), "code" if is_hash(value) else "")


def fingerprint(value: str | None, whole: bool = False) -> str:
    """A content hash, short enough to compare by eye; the whole one shows on hovering."""
    if value is None:
        return humanised(UNKNOWN, UNKNOWN)
    return f'<code title="{text(value)}">{text(value if whole else shorten_hash(value))}</code>'


def section(anchor: str, title: str, body: str, lead: str = "", keep: bool = False) -> str:
    """A part of the page with its heading; ``keep`` asks paper not to break it."""
    css = "card keep" if keep else "card"
    intro = f'<p class="lead">{text(lead)}</p>' if lead else ""
    return (
        f'<section class="{css}" aria-labelledby="{anchor}"><h2 id="{anchor}">{text(title)}</h2>{intro}{body}</section>'
    )


def table(caption: str, columns: Sequence[tuple[str, str]], bodies: Iterable[str]) -> str:
    """``columns`` are (title, class) pairs; ``bodies`` are whole ``tbody`` elements."""
    head = "".join(f'<th scope="col" class="{css}">{text(title)}</th>' for title, css in columns)
    return (
        f'<div class="scroll"><table><caption class="hidden">{text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>{''.join(bodies)}</table></div>"
    )


def fold(summary: str, body: str, missing_on_paper: str) -> str:
    """What a reader opens on demand, and what paper always shows."""
    note = f'<p class="fallback">{text(missing_on_paper)}</p>'
    return f"<details><summary>{summary}</summary>{body}</details>{note}"
