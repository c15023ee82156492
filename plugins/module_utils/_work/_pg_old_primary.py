# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""``pg_standby`` with ``state: rejoined``: what becomes of the data folder of an old primary."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import DeadlineError, LifeboatError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import left_when_stopped
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby import _build, _rejoin
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._data_folder import read_control
from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.standby._divergence import (
    Divergence,
    Saved,
    newest_saved,
    save,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
    from ansible_collections.lifeboat.dr.plugins.module_utils._core._progress import Progress
    from ansible_collections.lifeboat.dr.plugins.module_utils._postgres.client._tools import Tools


class Rejoin:
    """One old primary on its way to be a standby: brought to its end, counted, saved, and rewound or built again."""

    def __init__(
        self,
        module: AnsibleModule,
        request: _build.Request,
        tools: Tools,
        planned: _rejoin.Plan,
        deadline: Deadline,
        progress: Progress,
    ) -> None:
        self._save_dir: str = module.params["save_dir"]
        self._config_file: str = module.params["config_file"] or ""
        self._request = request
        self._tools = tools
        self._planned = planned
        self._deadline = deadline
        self._progress = progress
        self._divergence: Divergence | None = None
        self._saved: Saved | None = None
        self._method = ""
        self._aside = ""
        self._why_not = planned.why_not
        if planned.done:
            self._saved = newest_saved(self._save_dir, request.system_identifier)

    def look(self) -> None:
        """What can be known without changing anything: nothing of one that still has to replay its own log."""
        if self._planned.fork is None:
            return
        control = read_control(self._request.data_dir, self._tools)
        if control.is_clean:
            self._divergence = _rejoin.divergence_of(control, self._planned.fork)
        else:
            self._why_not = "it was not shut down, so it has to replay its own log first"

    def take(self) -> None:
        """Do it. Raises LifeboatError, which says what the folder is now."""
        if self._planned.fork is not None:
            with left_when_stopped("The old primary is as it was; at most, it has replayed its own log."):
                self._count(self._planned.fork)
        if self._request.replace:
            self._method = "rebuilt"
            with left_when_stopped("The unfinished copy was removed. The old primary is as it was."):
                if self._planned.interrupted:
                    self._aside = _rejoin.set_interrupted_aside(self._request.data_dir)
                aside = _build.build(self._request, self._tools, self._deadline, self._progress)
                self._aside = self._aside or aside
            return
        self._method = "rewound"
        control = read_control(self._request.data_dir, self._tools)
        config_file = _rejoin.config_file_of(self._request.data_dir, self._config_file)
        left = f"Look whether {self._request.data_dir + _rejoin.REWINDING} is there: then it is neither old nor new."
        with left_when_stopped(left):
            _rejoin.rewind(self._request, control, self._tools, config_file, self._deadline, self._progress)

    def _count(self, fork: int) -> None:
        try:
            config_file = _rejoin.config_file_of(self._request.data_dir, self._config_file)
            self._progress.phase("recovery", "replaying the log of the old primary")
            _rejoin.recover(self._request, self._tools, config_file, self._deadline)
            control = read_control(self._request.data_dir, self._tools)
            self._divergence = _rejoin.divergence_of(control, fork)
            self._progress.phase("divergence", "saving what only the old primary has")
            self._saved = save(
                self._divergence,
                self._request.data_dir,
                self._save_dir,
                self._tools,
                lambda relations: _rejoin.names_of_relations(self._request.primary, relations),
                self._deadline,
            )
        except DeadlineError:
            raise
        except LifeboatError as error:
            if not self._request.replace:
                raise
            self._why_not = error.message  # all of it is in the folder that is set aside

    def result(self) -> dict[str, t.Any]:
        """What is known of what was lost, and how it was done."""
        return {
            **_rejoin.described(self._planned, self._divergence, self._saved),
            "not_counted_because": self._why_not,
            "method": self._method,
            "set_aside": self._aside,
        }
