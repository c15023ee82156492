# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo shows: headings, sentences and tables, in colour on a terminal only."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
import textwrap
import typing as t

_STYLED = re.compile(r"((?:\x1b\[[0-9;]*m)*)(.*?)((?:\x1b\[[0-9;]*m)*)$")
_BOLD, _DIM, _RED, _GREEN, _BLUE = "1", "2", "31", "32", "1;34"


class Screen:
    """Writes to standard output, at once."""

    def __init__(self) -> None:
        self.colored = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") not in ("utf8", "utf8sig")
        self.width = min(shutil.get_terminal_size((100, 24)).columns, 110)
        self._steps = itertools.count(1)
        self._bar = "|" if self.ascii_only else "\u2502"
        self._line = "-" if self.ascii_only else "\u2500"

    def title(self, text: str, below: str) -> None:
        """The first thing to be seen."""
        self._put(self._in(_BOLD, text))
        self.say(below)

    def step(self, text: str) -> None:
        """The heading of the next step."""
        heading = f"{next(self._steps)}  {text}"
        rule = self._line * max(0, self.width - len(heading) - 2)
        self._put(f"\n{self._in(_BLUE, heading)}  {self._in(_DIM, rule)}")

    def say(self, text: str) -> None:
        """A sentence or two, wrapped."""
        self._put(textwrap.fill(text, self.width, break_long_words=False, break_on_hyphens=False))

    def good(self, text: str) -> None:
        """Something that went as it should."""
        self._marked(self._in(_GREEN, "ok" if self.ascii_only else "\u2713"), text)

    def refused(self, text: str) -> None:
        """Something that was refused, in the product's own words."""
        self._marked(self._in(_RED, "XX" if self.ascii_only else "\u2717"), text)

    def quote(self, lines: t.Iterable[str]) -> None:
        """Lines of a file."""
        for line in lines:
            self._put(self._in(_DIM, f"    {line}") if line else "")

    def program(self, line: str) -> None:
        """A line that a program writes while it works, in that program's own colour."""
        before, text, after = t.cast("re.Match[str]", _STYLED.match(line)).groups()
        for part in textwrap.wrap(
            text, self.width - 4, break_on_hyphens=False, drop_whitespace=True, replace_whitespace=False
        ) or [""]:
            self._put(f"  {self._in(_DIM, self._bar)} {before}{part}{after}")

    def table(self, head: t.Sequence[str], rows: t.Sequence[t.Sequence[str]], numbers: t.Collection[int] = ()) -> None:
        """Columns, those in ``numbers`` flush right."""
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for at, row in enumerate([head, *rows]):
            cells = [
                cell.rjust(size) if i in numbers else cell.ljust(size)
                for i, (cell, size) in enumerate(zip(row, widths, strict=True))
            ]
            self._put("  " + (self._in(_BOLD, "   ".join(cells)) if at == 0 else "   ".join(cells)).rstrip())

    def plain(self, text: str) -> None:
        """Text that is laid out already."""
        self._put(text.rstrip("\n"))

    def failure(self, text: str) -> None:
        """Why the demo ends too early."""
        sys.stdout.flush()
        print(f"demo: {text}", file=sys.stderr, flush=True)

    def _marked(self, mark: str, text: str) -> None:
        first, *others = textwrap.wrap(text, self.width - 4, break_long_words=False, break_on_hyphens=False)
        self._put("\n".join([f"  {mark} {first}", *(f"    {line}" for line in others)]))

    def _in(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.colored else text

    @staticmethod
    def _put(text: str) -> None:
        print(text, flush=True)
