# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the page of the status has beside the style sheet of the reports."""

from __future__ import annotations

STYLE = """
main { max-width: 1240px; }
.verdict.error { background: var(--soft); } .verdict.skipped { background: var(--soft); }
.spark { display: block; width: 112px; height: 34px; color: var(--link); }
.spark .area { fill: currentColor; opacity: .13; } .spark .dot { fill: currentColor; }
.spark .line { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round; }
.spark .limit { fill: none; stroke: var(--failed); stroke-width: 1.2; stroke-dasharray: 3 3; }
.fleet .message { display: block; font-size: .875rem; font-weight: 400; color: var(--muted); }
.fleet td, .fleet td .message { white-space: nowrap; overflow-wrap: normal; }
.fleet th.who { width: 30%; } .fleet th strong { font-weight: 650; }
.fleet tbody th { overflow-wrap: anywhere; min-width: 9rem; }
.fleet .beside { font-size: .875rem; color: var(--muted); } .fleet tr.bad .beside { color: var(--ink); }
.fleet tr.skipped.bad > :first-child { color: var(--skipped); }
ol.problems .told { color: var(--ink); } ol.problems .next { color: var(--muted); }
ol.problems .message { margin: 3px 0 0; }
@media screen and (max-width: 1240px) {
  .fleet td, .fleet td .message { white-space: normal; } .fleet th.who { width: auto; } .spark { width: 84px; }
  .fleet th, .fleet td { padding-inline: 7px; }
}
@media screen and (max-width: 900px) {
  .fleet thead { display: none; } .fleet table, .fleet tbody { display: block; }
  .fleet tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.4rem, 1fr)); padding: 8px 0;
    border-bottom: 1px solid var(--line); }
  .fleet tr > *, .fleet tbody:last-child tr:last-child > * { border-bottom: 0; padding: 4px 8px; min-width: 0; }
  .fleet tr.bad.failed { background: var(--failed-soft); } .fleet tr.bad.failed > * { background: none; }
  .fleet tr.bad > :first-child { box-shadow: none; } .fleet tr.bad { box-shadow: inset 4px 0 0 currentColor; }
  .fleet tr.bad.failed { color: var(--failed); } .fleet tr > th { overflow-wrap: anywhere; }
  .fleet td, .fleet td .message { text-align: start; }
  .fleet td[data-label]::before { content: attr(data-label); display: block; color: var(--muted); font-size: .75rem; }
}
@media print {
  .spark { width: 84pt; height: 24pt; } main { max-width: none; } .fleet .message, .fleet .beside { font-size: 8pt; }
  @page { size: A4 landscape; }
}
"""
