# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The style sheet of the HTML report: light, dark, and paper."""

from __future__ import annotations

# Status is told by colour, by word and by shape (circle, octagon, triangle, dashed ring), so it survives black and
# white print.
_SCREEN = """
:root {
  color-scheme: light dark;
  --page: #f4f6f8; --paper: #ffffff; --ink: #17212b; --muted: #566573; --line: #dfe5ea; --soft: #f7f9fa;
  --passed: #0f6b45; --passed-soft: #e8f5ee; --failed: #b3211b; --failed-soft: #fdeeed;
  --error: #8a4b00; --skipped: #5a6775; --link: #1f5f99;
  --radius: 12px;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1318; --paper: #161d24; --ink: #e7edf2; --muted: #9dabb8; --line: #2a343e; --soft: #1b232b;
    --passed: #5fd39b; --passed-soft: #12281f; --failed: #ff8f86; --failed-soft: #33191a;
    --error: #f0b35e; --skipped: #9dabb8; --link: #8cc0f0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.25; letter-spacing: -.01em; overflow-wrap: anywhere; }
h1 .slash { color: var(--muted); font-weight: 400; padding: 0 .2em; }
h2 { margin: 0 0 4px; font-size: 1.2rem; line-height: 1.3; }
h3 { margin: 0; font-size: 1rem; }
p { margin: 0; }
a { color: var(--link); }
.over { margin: 0 0 6px; color: var(--muted); font-size: .8125rem; font-weight: 600; letter-spacing: .08em;
text-transform: uppercase; }
.lead { color: var(--muted); margin: 0 0 16px; max-width: 46em; }
.mono, code, pre { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono",
monospace; }
.mono, code { font-size: .875em; overflow-wrap: anywhere; }
.muted { color: var(--muted); }
.unknown { color: var(--error); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.icon { width: 1.15em; height: 1.15em; flex: none; vertical-align: -.2em; }
.mark { fill: none; stroke: var(--paper); stroke-width: 2.7; stroke-linecap: round; stroke-linejoin: round; }
.passed { color: var(--passed); } .failed { color: var(--failed); } .error { color: var(--error); } .skipped { color:
var(--skipped); }
.status { display: inline-flex; gap: .45em; align-items: center; font-weight: 600; white-space: nowrap; }
.message { white-space: pre-line; overflow-wrap: anywhere; }

.card { background: var(--paper); border: 1px solid var(--line); border-radius: var(--radius); padding: 24px;
margin-top: 20px; }
.verdict { display: grid; grid-template-columns: auto 1fr; gap: 8px 24px; align-items: center; margin-top: 20px;
  padding: 28px; border-radius: var(--radius); border: 2px solid currentColor; }
.verdict.passed { background: var(--passed-soft); } .verdict.failed { background: var(--failed-soft); }
.verdict .icon { width: 84px; height: 84px; }
.verdict .word { font-size: 2.75rem; line-height: 1.1; font-weight: 800; letter-spacing: .04em; }
.verdict .says { color: var(--ink); margin-top: 6px; max-width: 48em; }
.verdict .says strong { display: block; font-size: 1.125rem; font-weight: 600; line-height: 1.4;
  overflow-wrap: anywhere; text-wrap: balance; }
.verdict .says span { display: block; margin-top: 6px; }

.numbers { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 16px; margin: 20px 0 0; }
.numbers > div { background: var(--paper); border: 1px solid var(--line); border-radius: var(--radius); padding: 18px
20px; }
.numbers dt { color: var(--muted); font-size: .875rem; }
.numbers dd { margin: 0; }
.numbers .big { font-size: 1.75rem; line-height: 1.25; font-weight: 650; letter-spacing: -.015em; margin: 2px 0 4px; }
.numbers .note { color: var(--muted); font-size: .8125rem; line-height: 1.4; }

table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { text-align: start; vertical-align: top; padding: 9px 12px; border-bottom: 1px solid var(--line); }
thead th { color: var(--muted); font-size: .8125rem; font-weight: 600; white-space: nowrap; border-bottom: 2px solid
var(--line); }
tbody:last-child tr:last-child > * { border-bottom: 0; }
th.number, td.number { text-align: end; white-space: nowrap; }
tbody th { font-weight: 400; } tr.bad th { font-weight: 600; } td.key-column { width: 1%; padding-inline-end: 0; }
tr.group th { background: var(--soft); font-size: .8125rem; font-weight: 600; color: var(--muted); padding-block: 7px; }
tr.group .tally { font-weight: 400; }
tr.bad > :first-child { box-shadow: inset 4px 0 0 currentColor; }
tr.bad.failed > * { background: var(--failed-soft); }
tr.passed > *, tr.skipped > *, tr.failed > *, tr.error > * { color: var(--ink); }
tr.failed > :first-child { color: var(--failed); }
tr.error > :first-child { color: var(--error); }
td .message, th .difference { font-size: .9333em; color: var(--muted); font-weight: 400; display: block; }
tr.bad .message, tr.bad .difference { color: var(--ink); }
td.value { min-width: 6.5em; max-width: 15em; overflow-wrap: anywhere; white-space: pre-line; }
.scroll { overflow-x: auto; margin: 0 -24px; padding: 0 24px; }
.status-column { width: 8.5em; } th.value { width: 17%; }

tr.has-more > * { border-bottom: 0; padding-bottom: 4px; } tr.more > * { padding-top: 0; }
ul.items .compare { font-size: 1em; }
ul.items { list-style: none; margin: 0; padding: 0; font-size: .9333em; font-weight: 400; }
ul.items li { display: grid; grid-template-columns: auto 1fr; gap: .5em; padding: 3px 0; overflow-wrap: anywhere; }
ol.problems { list-style: none; margin: 16px 0 0; padding: 0; display: grid; gap: 14px; }
ol.problems li { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; }
ol.problems .icon { width: 1.5em; height: 1.5em; }
ol.problems .title { font-weight: 600; overflow-wrap: anywhere; }
.compare { display: flex; flex-wrap: wrap; gap: 2px 1.5em; font-size: .9375rem; margin: 2px 0 0; }
.compare dt { color: var(--muted); display: inline; }
.compare dt::after { content: ":"; } .compare dd { display: inline; margin: 0 0 0 .35em; }
.compare div { overflow-wrap: anywhere; white-space: pre-line; }

details { margin-top: 4px; }
ul.items + details { margin-top: 2px; }
summary { cursor: pointer; color: var(--link); padding: 6px 0; width: fit-content; border-radius: 6px; }
summary:focus-visible, a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
td summary { padding: 2px 0; font-size: .9333em; }
.fallback { display: none; }

.bar { display: block; width: 100%; height: 46px; margin: 4px 0 14px; border-radius: 8px; overflow: hidden; }
.bar .gap { stroke: var(--paper); stroke-width: 2px; }
.bar text { fill: #fff; font-size: 14px; font-weight: 600; text-anchor: middle; dominant-baseline: central; }
.key { display: inline-flex; width: 1.6em; height: 1.6em; border-radius: 5px; align-items: center; justify-content:
center;
  color: #fff; font-size: .8125rem; font-weight: 600; }
.hue-0 { fill: #24507a; background: #24507a; } .hue-1 { fill: #2f7f86; background: #2f7f86; }
.hue-2 { fill: #5a5f9e; background: #5a5f9e; } .hue-3 { fill: #3b74ad; background: #3b74ad; }
.hue-4 { fill: #1d6358; background: #1d6358; } .hue-5 { fill: #7b5a8c; background: #7b5a8c; }
.hue-rest { fill: #6b7885; background: #6b7885; }

dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 7px 24px; margin: 14px 0 0; font-size: .9375rem;
}
td dl.facts { margin-top: 0; } dl.facts dt { color: var(--muted); } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
ol.steps { margin: 12px 0 0; padding: 0; list-style: none; counter-reset: step; }
ol.steps li { counter-increment: step; display: grid; grid-template-columns: 2em 1fr; margin-top: 12px; }
ol.steps li::before { content: counter(step) "."; color: var(--muted); font-weight: 600; }
ol.steps li > * { grid-column: 2; }
pre { margin: 4px 0 0; padding: 10px 14px; background: var(--soft); border: 1px solid var(--line); border-radius: 8px;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .875rem; line-height: 1.5; }
pre code { font-size: 1em; }
.sign { display: none; }
footer { margin-top: 28px; color: var(--muted); font-size: .8125rem; overflow-wrap: anywhere; }
footer p + p { margin-top: 4px; }
@media (max-width: 860px) { .numbers { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@media (max-width: 560px) {
  main { padding: 20px 12px 40px; } .card { padding: 16px; } .scroll { margin: 0 -16px; padding: 0 16px; }
  .verdict { grid-template-columns: 1fr; padding: 20px; }
  .verdict .icon { width: 60px; height: 60px; } .verdict .word { font-size: 2.2rem; }
  .numbers { gap: 10px; } .numbers > div { padding: 14px; } .numbers .big { font-size: 1.4rem; overflow-wrap: anywhere;
  }
  th, td { padding-inline: 8px; } td:has(> strong), th[scope="row"] { min-width: 13em; }
  dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: 8px; }
}
"""

# Paper has no folds and no dark scheme. Browsers without ::details-content cannot unfold by style: for them a line says
# so.
_PAPER = """
@page { size: A4; margin: 16mm 14mm 18mm; }
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --paper: #fff; --ink: #000; --muted: #444; --line: #bbb; --soft: #f4f4f4; --link: #000;
    --passed: #0b5a39; --passed-soft: #fff; --failed: #a01812; --failed-soft: #fff; --error: #7a4200; --skipped: #444;
  }
  body { font-size: 10pt; line-height: 1.4; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  .card { border: 0; border-radius: 0; border-top: 1px solid var(--line); padding: 12pt 0 0; margin-top: 14pt; }
  .verdict { padding: 14pt; margin-top: 12pt; border-width: 3px; } .verdict.failed { border-style: double; border-width:
  6px; }
  .verdict.passed { border-style: solid; }
  .verdict .icon { width: 56pt; height: 56pt; } .verdict .word { font-size: 26pt; }
  .numbers { grid-template-columns: repeat(4, 1fr); gap: 8pt; margin-top: 12pt; }
  .numbers > div { padding: 8pt 10pt; border-radius: 4pt; } .numbers .big { font-size: 15pt; }
  table, dl.facts, .compare { font-size: 9pt; } th, td { padding: 4pt 6pt; }
  .scroll { overflow: visible; margin: 0; padding: 0; }
  thead { display: table-header-group; break-after: avoid; } tbody tr:first-child { break-before: avoid; }
  tr, li, .keep, .verdict, .numbers > div, pre { break-inside: avoid; }
  details td, details th { padding-block: 2pt; } .mono, code { font-size: .82em; } tr.has-more { break-after: avoid; }
  h2, h3, tr.group, .lead { break-after: avoid; }
  tr.bad > :first-child { box-shadow: none; border-inline-start: 3px solid #000; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; opacity: 1; }
  summary { list-style: none; color: var(--muted); padding: 4pt 0; } summary::-webkit-details-marker { display: none; }
  summary .act { display: none; }
  a { color: inherit; text-decoration: none; }
  .sign { display: grid; grid-template-columns: 2fr 1fr 2fr; gap: 18pt; margin-top: 40pt; break-inside: avoid; }
  .sign p { border-top: 1px solid #000; padding-top: 3pt; font-size: 8.5pt; }
}
@supports not selector(::details-content) {
  @media print { details:not([open]) + .fallback { display: block; font-weight: 600; } }
}
"""


def style_sheet(running_title: str) -> str:
    """All of it, with ``running_title`` and the page number at the foot of every printed page."""
    foot = "font: 8pt system-ui, 'DejaVu Sans', sans-serif; color: #444;"
    return (
        _SCREEN
        + _PAPER
        + f"@page {{ @bottom-left {{ content: {_css_string(running_title)}; {foot} }}\n"
        + f"  @bottom-right {{ content: 'Page ' counter(page) ' of ' counter(pages); {foot} }} }}\n"
    )


def _css_string(text: str) -> str:
    # Every character that is not plain is written by its number, so no text can end the string or the style element.
    return (
        '"'
        + "".join(letter if letter.isascii() and letter.isalnum() else f"\\{ord(letter):x} " for letter in text)
        + '"'
    )
