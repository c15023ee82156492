# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Runs the module of the same name, and shows how far it is while it runs.

The module becomes a background job on the host, so it outlives a lost connection. All else is as without: the same
result, check mode,
``become``, every connection. Where the host has no place for a job, the module runs in the foreground, without
progress.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import merge_hash
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._follower import Follower, LostConnectionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._remote_job import Ended, RemoteJob, State

display = Display()

_SWITCH = "lifeboat_progress"
_LONGEST_SECONDS = 7 * 86400
_GRACE_SECONDS = 600  # the module's own time_limit comes first, because it says more
_STOP_SECONDS = 10
_COLOR = "cyan"  # readable on dark and on light, and not the color of a result


class _InterruptedError(BaseException):
    """A signal asks this worker to end. Not an Exception, so that no error handling on the way swallows it."""


class LongModuleAction(ActionBase):
    """Base of the action plugins of modules that have the option ``progress_file``."""

    _supports_check_mode = True
    _supports_async = True

    unreachable_seconds: float = 300
    """For how long the connection may be lost before the task fails."""

    jobs_folder = "/dev/shm"
    """Where the jobs of a host are: in memory, so that a full disk cannot take a result away and a restart leaves
    nothing behind.
    """

    _label = ""
    _job: RemoteJob | None = None  # to be started in the place of the module's process

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The module's result."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        host = task_vars.get("inventory_hostname", "")
        self._label = f"{host} -> {self._task.delegate_to}" if self._task.delegate_to else f"{host}"
        if self._is_plain(task_vars):
            wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
            return merge_hash(result, self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
        try:
            return merge_hash(result, self._run_as_job(task_vars))
        except LifeboatError as error:
            return merge_hash(result, {"failed": True, "changed": False, **error.to_result()})
        except LostConnectionError as error:
            raise AnsibleConnectionFailure(str(error)) from None

    def _is_plain(self, task_vars: dict[str, t.Any]) -> bool:
        """Whether nobody can or may see progress."""
        wanted = boolean(self._templar.template(task_vars.get(_SWITCH, True)), strict=False)
        return bool(
            self._task.check_mode
            or self._task.async_val
            or self._task.no_log
            or self._connection.has_native_async
            or not wanted
        )

    def _run_as_job(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Whatever ends this early, ends the job: no work may go on that nobody follows.

        A lost connection is no end.
        """
        job = RemoteJob(
            f"lifeboat-{secrets.token_hex(8)}", self.jobs_folder, str(self._task.args.get("progress_file") or "")
        )
        arguments = {**self._task.args, "progress_file": job.progress_file}
        self._job = job
        with _signals_raise():
            try:
                return t.cast("dict[str, t.Any]", self._execute_module(module_args=arguments, task_vars=task_vars))
            except (AnsibleConnectionFailure, LostConnectionError):
                raise
            except BaseException as error:
                self._job = None
                self._execute(job.stop_command(_STOP_SECONDS))
                if isinstance(error, _InterruptedError):
                    self.cleanup()  # nobody else will, and the folder holds the module's arguments
                raise
            finally:
                self._job = None

    def _low_level_execute_command(
        self, cmd: str, sudoable: bool = True, in_data: bytes | None = None, **options: t.Any
    ) -> dict[str, t.Any]:
        """Where _execute_module starts the module's process, start a job instead, and give its output when it has
        ended.

        So all that Ansible makes of a module's output, in this version and the next, happens to it as always. Of the
        commands that _execute_module runs on the host, the module's is the one that may use ``become``.
        """
        job, interpreter = self._job, str(self._used_interpreter or "").lstrip("#!").strip()
        if job is None or not sudoable or not interpreter:
            return t.cast(
                "dict[str, t.Any]",
                super()._low_level_execute_command(cmd, sudoable=sudoable, in_data=in_data, **options),
            )
        self._job = None
        command = job.start_command(cmd, interpreter, bool(in_data))
        started = super()._low_level_execute_command(command, sudoable=sudoable, in_data=in_data, **options)
        state = job.read(started["stdout"])
        if state is None:
            return t.cast("dict[str, t.Any]", started)
        ended = state.ended or self._follow(job, state)
        return {
            "rc": ended.rc,
            "stdout": ended.stdout,
            "stdout_lines": ended.stdout.splitlines(),
            "stderr": ended.stderr,
            "stderr_lines": ended.stderr.splitlines(),
        }

    def _follow(self, job: RemoteJob, state: State) -> Ended:
        follower = Follower(
            job,
            self._task.action,
            execute=self._execute,
            say=lambda text: display.display(f"[{self._label}] {text}", color=_COLOR),
            limit_seconds=_limit_seconds(self._task.args),
            unreachable_seconds=self.unreachable_seconds,
        )
        ended = follower.follow(state)
        self._execute(job.clean_command())
        return ended

    def _execute(self, command: str) -> str | None:
        """The output of a shell command on the host, as the user of the module; None when the host cannot be
        reached.
        """
        try:
            return str(self._low_level_execute_command(command)["stdout"])
        except AnsibleConnectionFailure as error:
            display.vvv(str(error), host=self._label)
            with contextlib.suppress(AttributeError, AnsibleConnectionFailure):
                self._connection.reset()
            return None


def _limit_seconds(arguments: t.Mapping[str, t.Any]) -> int:
    """For a module that hangs; otherwise the module itself keeps its ``time_limit``."""
    with contextlib.suppress(OptionError):  # the module will say it
        seconds = int(parse_duration("time_limit", arguments.get("time_limit") or 0).total_seconds())
        return seconds + _GRACE_SECONDS if seconds else _LONGEST_SECONDS
    return _LONGEST_SECONDS


@contextlib.contextmanager
def _signals_raise() -> t.Iterator[None]:
    """Let Ctrl-C and the end of ansible-playbook raise, so that the job is stopped.

    Then the worker ends as it would have without this.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []

    def note(number: int, _frame: object) -> None:
        if not caught:  # one signal often comes with others: they must not interrupt the stopping
            caught.append(number)
            raise _InterruptedError

    handlers = {number: signal.signal(number, note) or signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if caught:
            os.kill(os.getpid(), caught[0])
