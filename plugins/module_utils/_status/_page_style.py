# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What the page of the status has beside the style sheet of the reports."""

from __future__ import annotations

STYLE = """
main { max-width: 1240px; }
.verdict.error { background: var(--soft); } .verdict.skipped { background: var(--soft); }
.spark { display: block; width: 112px; height: 30px; color: var(--link); }
.spark .area { fill: currentColor; opacity: .13; } .spark .dot { fill: currentColor; }
.spark .line { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round; }
.spark .limit { fill: none; stroke: var(--failed); stroke-width: 1.2; stroke-dasharray: 3 3; }
td.spark-column, th.spark-column { padding-inline: 0 18px; width: 112px; } td { vertical-align: top; }
ol.problems .told { color: var(--ink); } ol.problems .next { color: var(--muted); }
ol.problems .message { margin: 3px 0 0; }
td strong { font-weight: 650; } tr.bad th strong { font-weight: 700; }
tr.skipped.bad > :first-child { color: var(--skipped); }
@media (max-width: 560px) { td:has(> .spark), td.spark-column { min-width: 112px; } }
@media print { .spark { width: 84pt; height: 22pt; } main { max-width: none; } @page { size: A4 landscape; } }
"""
