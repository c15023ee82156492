# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""A place in every repository that limits how many runs are at work at once. Those without a limit take everybody."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, RepositoryError
from ansible_collections.lifeboat.dr.plugins.module_utils._repository._run_limit import RunLimit

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._repository._port import Repository

LONGEST_WAIT_SECONDS = 6 * 3600


class Admitted(t.NamedTuple):
    """The repositories that have a place for this run, and why the others have none."""

    repositories: list[Repository]
    refused: dict[str, str]


@contextlib.contextmanager
def places(repositories: t.Sequence[Repository], wait_seconds: float, progress: Progress) -> t.Iterator[Admitted]:
    """Hold a place in each, for as long as this is open. ``wait_seconds`` of 0 is the longest wait that anybody has.

    They are asked for in the order of their names, so that no two runs wait for each other. Raises RepositoryError when
    none has one.
    """
    deadline = Deadline(wait_seconds or LONGEST_WAIT_SECONDS)
    refused: dict[str, str] = {}
    with contextlib.ExitStack() as held:
        for repository in sorted(repositories, key=lambda one: one.name):
            if not repository.max_runs:
                continue
            try:
                held.enter_context(_place(repository, deadline, progress))
            except LifeboatError as error:
                refused[repository.name] = str(error)
        if len(refused) == len(repositories):
            reasons = " ".join(f"{name}: {why}" for name, why in refused.items())
            raise RepositoryError(f"No repository has a place for this run. {reasons}")
        yield Admitted([one for one in repositories if one.name not in refused], refused)


def _place(repository: Repository, deadline: Deadline, progress: Progress) -> contextlib.AbstractContextManager[None]:
    return RunLimit(repository, repository.max_runs).place(
        deadline, lambda: progress.phase("waiting", f"waiting for a place in {repository.name}")
    )
