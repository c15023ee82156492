# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is compared, the bars, and the table. Pure: no server, no clock."""

from __future__ import annotations

import dataclasses
import statistics
import typing as t

CLASSIC = "classic script"
BARE = "pg_dump -Fc -Z0 > /dev/null"
BACKUP_1, BACKUP_2 = "pg_backup, jobs 1", "pg_backup, jobs 2"
OFF_1, OFF_2 = "pg_backup, jobs 1, fingerprint none", "pg_backup, jobs 2, fingerprint none"
AGAIN = "pg_backup, within max_age"
RESTORE = "pg_restore of lifeboat.dr, jobs 2"
DIRECTORY = "pg_restore -j2 of a -Fd directory"
STREAM = "one stream of age, zstd, pg_restore"

BACKUPS = (CLASSIC, BARE, BACKUP_1, BACKUP_2, OFF_1, OFF_2)
RESTORES = (RESTORE, DIRECTORY, STREAM)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    ``kind`` says what is held against ``wanted``: ``faster`` is the peer's time divided by ours, and wants at least
    that; ``time`` is ours divided by the peer's, and wants at most that; ``seconds`` and ``megabytes`` (10^6 bytes) are
    ours alone, and want at most that.
    ``rate`` is what we do in a second, and wants at least that; ``count`` is what we did, and wants at most that. Both
    are in ``unit``. A ``faster`` row with a ``unit`` compares rates, so ours and the peer need not have done the same
    amount of work.
    """

    key: str
    what: str
    kind: str
    ours: tuple[str, ...]
    peer: str
    wanted: float
    unit: str = ""

    @property
    def bar_text(self) -> str:
        """The bar with its unit."""
        units = {"faster": "times faster", "time": "of its time", "seconds": "s", "megabytes": "MB"}
        unit = units.get(self.kind) or (f"{self.unit}/s" if self.kind == "rate" else self.unit)
        wanted = f"{self.wanted:,.0f}" if self.kind in ("rate", "count") else f"{self.wanted:g}"
        return f"{'at least' if self._more_is_better else 'at most'} {wanted} {unit}"

    def meets(self, figure: float) -> bool:
        """Whether the bar is met."""
        return figure >= self.wanted if self._more_is_better else figure <= self.wanted

    @property
    def _more_is_better(self) -> bool:
        return self.kind in ("faster", "rate")


ROWS = (
    Row("classic", "whole backup, jobs 1", "faster", (BACKUP_1,), CLASSIC, 4.0),
    Row("classic", "whole backup, jobs 2", "faster", (BACKUP_2,), CLASSIC, 4.0),
    Row("limit", "whole backup, jobs 1", "time", (BACKUP_1,), BARE, 1.35),
    Row("limit", "whole backup, jobs 2", "time", (BACKUP_2,), BARE, 1.05),
    Row("fingerprint", "fingerprints, jobs 1", "time", (BACKUP_1,), OFF_1, 1.1),
    Row("fingerprint", "fingerprints, jobs 2", "time", (BACKUP_2,), OFF_2, 1.1),
    Row("restore", "restore, jobs 2", "time", (RESTORE,), DIRECTORY, 1.1),
    Row("restore", "restore, jobs 2", "time", (RESTORE,), STREAM, 0.75),
    Row("memory", "peak memory of a module", "megabytes", (BACKUP_1, BACKUP_2, RESTORE), "", 200),
    Row("again", "second run within max_age", "seconds", (AGAIN,), "", 1.5),
)
KEYS = tuple(dict.fromkeys(row.key for row in ROWS))


@dataclasses.dataclass(frozen=True)
class Figures:
    """What was measured of one contestant: the seconds of each round, the highest peak of memory, how much it did in a
    round, and the median of its processor seconds, without those of the server.
    """

    seconds: tuple[float, ...]
    peak_bytes: int
    work: float = 1.0
    cpu_seconds: float = 0.0

    @property
    def median(self) -> float:
        """The median of the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Work in a second."""
        return self.work / self.median


@dataclasses.dataclass(frozen=True)
class Line:
    """One row with its result."""

    row: Row
    ours: str
    peer: str
    figure: float

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.row.meets(self.figure)


def needed(keys: t.Collection[str], rows: t.Sequence[Row] = ROWS) -> set[str]:
    """The contestants that the rows with these keys compare."""
    return {name for row in rows if row.key in keys for name in (*row.ours, row.peer) if name}


def conclude(keys: t.Collection[str], figures: t.Mapping[str, Figures], rows: t.Sequence[Row] = ROWS) -> list[Line]:
    """The rows with these keys."""
    return [_line(row, figures) for row in rows if row.key in keys]


def _line(row: Row, figures: t.Mapping[str, Figures]) -> Line:
    if row.kind == "megabytes":
        highest = max(figures[name].peak_bytes / 1e6 for name in row.ours)
        return Line(row, f"{highest:.0f} MB", "", highest)
    ours = figures[row.ours[0]]
    if row.kind == "count":
        return Line(row, f"{ours.work:,.0f} {row.unit}", "", ours.work)
    shown = _shown(row, ours)
    if row.kind == "rate":
        return Line(row, shown, "", ours.rate)
    if row.kind == "seconds":
        return Line(row, shown, "", ours.median)
    peer = figures[row.peer]
    ratio = ours.median / peer.median if row.kind == "time" else ours.rate / peer.rate
    return Line(row, shown, f"{row.peer}: {_shown(row, peer)}", ratio)


def _shown(row: Row, figures: Figures) -> str:
    if row.kind == "seconds" or not row.unit:
        return f"{figures.median:.2f} s"
    return f"{figures.rate:,.1f} {row.unit}/s" if figures.rate < 1000 else f"{figures.rate:,.0f} {row.unit}/s"


def render_against(figures: t.Mapping[str, Figures], commit: str, name_then: t.Callable[[str], str]) -> str:
    """What was measured with the modules of another commit too, as Markdown. Below 1 is better than then."""
    cells = [["what", "now", f"at {commit}", "time", "processor", "memory"]]
    for name, now in figures.items():
        then = figures.get(name_then(name))
        if then is not None:
            shares = (
                _share(now.median, then.median),
                _share(now.cpu_seconds, then.cpu_seconds),
                _share(now.peak_bytes, then.peak_bytes),
            )
            cells.append([name, f"{now.median:.2f} s", f"{then.median:.2f} s", *shares])
    return _table(cells)


def _share(now: float, then: float) -> str:
    return f"{now / then:.2f}" if then else ""


def render(lines: t.Sequence[Line]) -> str:
    """The table, as Markdown, which is readable on a terminal too."""
    cells = [["what", "ours", "peer", "ratio", "bar", ""]]
    for line in lines:
        ratio = f"{line.figure:.2f}" if line.row.kind in ("faster", "time") else ""
        cells.append([line.row.what, line.ours, line.peer, ratio, line.row.bar_text, "met" if line.met else "MISSED"])
    return _table(cells)


def _table(cells: t.Sequence[t.Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rows = [f"| {' | '.join(cell.ljust(size) for cell, size in zip(row, widths, strict=True))} |" for row in cells]
    return "\n".join([rows[0], f"|{'|'.join('-' * (size + 2) for size in widths)}|", *rows[1:]])
