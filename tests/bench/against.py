# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules as they were at another commit, to be measured by turns with those of now: same data, same servers."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import subprocess
import typing as t

from tests.bench import measure

_ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Against:
    """The modules of ``commit``, which lie below ``collections``."""

    commit: str
    collections: pathlib.Path

    def name(self, contestant: str) -> str:
        """What the contestant is called when it runs with them."""
        return f"{contestant}, at {self.commit}"

    @contextlib.contextmanager
    def taken(self) -> t.Iterator[None]:
        """The modules that are run meanwhile are those."""
        measure.collections_of_modules = self.collections
        try:
            yield
        finally:
            measure.collections_of_modules = None


@contextlib.contextmanager
def checked_out(commit: str | None) -> t.Iterator[Against | None]:
    """A worktree of this commit in .cache, removed afterwards. None: nothing to measure against.

    Raises MeasureError for what git does not know.
    """
    if commit is None:
        yield None
        return
    name = _git("rev-parse", "--verify", "--short", f"{commit}^{{commit}}")
    folder = _ROOT / ".cache" / f"bench-{name}"
    _remove(folder)  # of a run that was killed
    _git("worktree", "add", "--detach", "--quiet", str(folder), name)
    try:
        link = folder / ".ansible" / "collections" / "ansible_collections" / "lifeboat" / "dr"
        link.parent.mkdir(parents=True)
        link.symlink_to(folder)
        yield Against(name, folder / ".ansible" / "collections")
    finally:
        _remove(folder)


def _remove(folder: pathlib.Path) -> None:
    if folder.exists():
        _git("worktree", "remove", "--force", str(folder))
    _git("worktree", "prune")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise measure.MeasureError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
