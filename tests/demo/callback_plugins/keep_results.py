# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the result of every task, so that the demo can tell of it in words."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: keep_results
type: notification
short_description: Keep the results of tasks
description:
  - Writes each task's result as one line of JSON into the file that the environment variable E(LIFEBOAT_DEMO_RESULTS)
    names.
requirements:
  - enabled in the configuration
"""


class CallbackModule(CallbackBase):
    """One line for each task that has ended, whether well or not."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "keep_results"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """A task that did what it should."""
        with open(os.environ["LIFEBOAT_DEMO_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(json.loads(self._dump_results(result.result, indent=0))) + "\n")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """A task that failed, which the demo has not foreseen."""
        self.v2_runner_on_ok(result)
