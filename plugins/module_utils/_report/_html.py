# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The HTML report: one file, no script, nothing loaded from anywhere, as good on paper as on a screen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import UNKNOWN, format_timestamp
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _content as content
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _html_parts as part
from ansible_collections.lifeboat.dr.plugins.module_utils._report import _html_sections as evidence
from ansible_collections.lifeboat.dr.plugins.module_utils._report._html_style import style_sheet
from ansible_collections.lifeboat.dr.plugins.module_utils._report._model import Report, canonical_json
from ansible_collections.lifeboat.dr.plugins.module_utils._report._verdict import meaning_of

# A browser that honours this will not fetch or run anything, whatever a name in the data says.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def render_html(report: Report) -> str:
    """The whole document."""
    title = f"{report.verdict.upper()}: {report.app}/{report.component}, backup {report.backup_id}"
    running = f"{title} \u00b7 {format_timestamp(report.finished_at)}"
    sections = (
        _header(report),
        _verdict(report),
        _numbers(report),
        evidence.problems(report),
        evidence.phases(report),
        evidence.checks(report),
        evidence.controls(report),
        evidence.parts(report),
        _backup(report),
        _by_hand(report),
        _environment(report),
        _foot(report),
    )
    return document(title, running, sections)


def document(title: str, running: str, sections: Iterable[str], style: str = "") -> str:
    """A whole page in the look of the reports, of these sections; empty ones are left out.

    ``running`` is at the foot of every printed page, ``style`` stands behind the common style sheet.
    """
    lines = (
        '<!DOCTYPE html>\n<html lang="en" dir="ltr">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{part.text(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" '
        'content="light dark">',
        '<link rel="icon" '
        f'href="data:,">\n<title>{part.text(title)}</title>\n<style>{style_sheet(running)}{style}</style>\n</head>',
        f"<body>\n{part.ICONS}\n<main>",
        *filter(None, sections),
        "</main>\n</body>\n</html>\n",
    )
    return "\n".join(lines)


def _header(report: Report) -> str:
    return (
        '<header><p class="over">lifeboat \u00b7 restore verification</p>'
        f'<h1>{part.name(report.app)}<span class="slash">/</span>{part.name(report.component)}</h1>'
        f'<p class="muted">Backup <span class="mono">{part.name(report.backup_id)}</span>, verified '
        f"{part.moment(report.finished_at)}, "
        f"profile <strong>{report.profile}</strong></p></header>"
    )


def _verdict(report: Report) -> str:
    says = f"<strong>{part.name(report.summary)}</strong><span>{part.text(meaning_of(report))}</span>"
    word = f'<p class="word">{report.verdict.upper()}</p>'
    return (
        f'<section class="verdict {report.verdict}" aria-label="Verdict">{part.icon(report.verdict)}'
        f'<div>{word}<p class="says">{says}</p></div></section>'
    )


def _numbers(report: Report) -> str:
    return '<dl class="numbers">' + "".join(map(_card, content.key_figures(report))) + "</dl>"


def _card(figure: content.Figure) -> str:
    shown = part.humanised(figure.shown, figure.exact)
    return (
        f'<div><dt>{part.text(figure.term)}</dt><dd class="big">{shown}</dd><dd '
        f'class="note">{part.text(figure.note)}</dd></div>'
    )


def _backup(report: Report) -> str:
    return part.section("backup", "The backup", _facts(content.backup_facts(report)), keep=True)


def _environment(report: Report) -> str:
    body = (
        _facts(content.environment_facts(report))
        + '<div class="sign"><p>Reviewed by</p><p>Date</p><p>Signature</p></div>'
    )
    return part.section("environment", "Where and with what it was verified", body, keep=True)


def _facts(figures: Iterable[content.Figure]) -> str:
    pairs = "".join(f"<dt>{part.name(figure.term)}</dt><dd>{_fact(figure)}</dd>" for figure in figures)
    return f'<dl class="facts">{pairs}</dl>'


def _fact(figure: content.Figure) -> str:
    if figure.exact or figure.shown == UNKNOWN:
        return part.humanised(figure.shown, figure.exact)
    return "<br>".join(map(part.name, figure.shown.split("\n")))


def _by_hand(report: Report) -> str:
    if not report.restore_by_hand:
        return ""
    steps = "".join(
        f"<li>{f'<h3>{part.name(step.title)}</h3>' if step.title else ''}"
        f"<pre><code>{part.text(step.command)}</code></pre></li>"
        for step in report.restore_by_hand
    )
    return part.section("by-hand", "How to restore it by hand", f'<ol class="steps">{steps}</ol>', content.BY_HAND)


def _foot(report: Report) -> str:
    digest = hashlib.sha256(canonical_json(report)).hexdigest()
    return (
        f'<footer><p>Made from the JSON report with SHA-256 <span class="mono">{digest}</span></p>'
        "<p>Times are UTC. Sizes are powers of 1000. Exact numbers show on hovering, and are in the JSON "
        "report.</p></footer>"
    )
