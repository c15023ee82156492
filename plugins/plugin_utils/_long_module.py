# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Runs the module of the same name, and shows how far it is while it runs.

The module is started by Ansible's own asynchronous wrapper and asked for with ``async_status``, so it outlives a lost
connection; between these its progress file is read. All else is as without: the same result, check mode, ``become``,
every connection. Where nobody would see the lines, or the host has no place for a job, the module runs as any other.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import threading
import typing as t

from ansible import constants
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version
from ansible.utils.display import Display
from ansible.utils.vars import merge_hash
from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError, OptionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._follower import Follower, LostConnectionError
from ansible_collections.lifeboat.dr.plugins.plugin_utils._red_proof import (
    is_red_proof,
    lines,
    without_what_passed,
)
from ansible_collections.lifeboat.dr.plugins.plugin_utils._remote_job import RemoteJob

display = Display()

Result = dict[str, t.Any]

_SWITCH = "lifeboat_progress"
_TESTED_CORES = ("2.19", "2.20", "2.21", "2.22")  # newer ones may start jobs in another way: there it is asked for
_IS_SEEN = sys.stdout.isatty() or bool({"AWX_HOST", "AWX_ISOLATED_DATA_DIR"} & set(os.environ))
"""Whether somebody watches. Asked where the plugin is loaded: the process that runs a task has no terminal."""

_LONGEST_SECONDS = 7 * 86400
_GRACE_SECONDS = 600  # the module's own time_limit comes first, because it says more
_STOP_SECONDS = 10
_RED = "red"
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

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        """The module's result."""
        result: Result = super().run(tmp, task_vars)
        found = self.run_module(self._task.action, self._task.args, task_vars or {})
        if is_red_proof(found) and not self._task.no_log:
            for line in lines(found):
                display.display(line, color=_RED)
            found = without_what_passed(found)
        return merge_hash(result, found)

    def run_module(self, name: str, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> Result:
        """The result of this module with these arguments, whatever the task's own are."""
        host = task_vars.get("inventory_hostname", "")
        self._label = f"{host} -> {self._task.delegate_to}" if self._task.delegate_to else f"{host}"
        try:
            if self._shows_progress(task_vars):
                result = self._run_as_job(name, arguments, task_vars)
                if result is not None:
                    return result
        except LifeboatError as error:
            return {"failed": True, "changed": False, **error.to_result()}
        except LostConnectionError as error:
            raise AnsibleConnectionFailure(str(error)) from None
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        return t.cast(
            Result,
            self._execute_module(
                module_name=name, module_args=dict(arguments), task_vars=task_vars, wrap_async=wrap_async
            ),
        )

    def _shows_progress(self, task_vars: dict[str, t.Any]) -> bool:
        """Whether somebody can and may see progress."""
        if (
            self._task.check_mode
            or self._task.async_val
            or self._task.no_log
            or self._connection.has_native_async
            or self._connection.always_pipeline_modules
        ):
            return False
        if _SWITCH in task_vars:
            return bool(boolean(self._templar.template(task_vars[_SWITCH]), strict=False))
        return _IS_SEEN and ".".join(ansible_version.split(".")[:2]) in _TESTED_CORES

    def _run_as_job(self, name: str, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> Result | None:
        """The module's result; None when no job could be started, and nothing has happened.

        Whatever ends this early, ends the job: no work may go on that nobody follows. A lost connection is no end.
        """
        job = self._prepared(arguments)
        if job is None:
            return None
        lost = False
        with _signals_raise():
            try:
                identifier = self._start(job, name, arguments, task_vars)
                if identifier is not None:
                    return self._follow(job, identifier, name, _limit_seconds(arguments), task_vars)
                self._execute(job.stop_command(0))  # whatever it was that has not said its name
                return None
            except (AnsibleConnectionFailure, LostConnectionError):
                lost = True
                raise
            except BaseException:
                self._execute(job.stop_command(_STOP_SECONDS))
                raise
            finally:
                self._tidy(job, keep_result=lost)

    def _prepared(self, arguments: t.Mapping[str, t.Any]) -> RemoteJob | None:
        """A job with its folder on the host; None where there can be none."""
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        job = RemoteJob(
            f"{self.jobs_folder}/lifeboat-{secrets.token_hex(8)}",
            self._connection._shell.tmpdir,
            str(arguments.get("progress_file") or ""),
        )
        if job.is_prepared(self._execute(job.prepare_command()) or ""):
            return job
        display.vvv(f"no place for a job in {self.jobs_folder}, so no progress is shown", host=self._label)
        return None

    def _start(
        self, job: RemoteJob, name: str, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]
    ) -> str | None:
        """Start the module, and give Ansible's name for the job; None where it could not be started."""
        shell, own = self._connection._shell, self._task.async_val
        folder = self.get_shell_option("async_dir", default="~/.ansible_async")
        try:
            shell.set_option("async_dir", job.folder)
            self._task.async_val = _limit_seconds(arguments) + _GRACE_SECONDS
            started = self._execute_module(
                module_name=name,
                module_args={**arguments, "progress_file": job.progress_file},
                task_vars=task_vars,
                wrap_async=True,
            )
        finally:
            shell.set_option("async_dir", folder)
            self._task.async_val = own
        identifier = started.get("ansible_job_id")
        if not identifier:
            display.vvv(f"no job could be started, so no progress is shown: {started.get('msg')}", host=self._label)
        return t.cast("str | None", identifier)

    def _follow(
        self, job: RemoteJob, identifier: str, name: str, limit_seconds: int, task_vars: dict[str, t.Any]
    ) -> Result:
        query = {"jid": identifier, "_async_dir": job.folder}
        return Follower(
            job,
            name,
            execute=self._execute,
            status=lambda: self._reached(
                lambda: self._execute_module(
                    module_name="ansible.builtin.async_status", module_args=dict(query), task_vars=task_vars
                )
            ),
            say=lambda text: display.display(f"[{self._label}] {text}", color=_COLOR),
            begun=lambda: self._execute(job.forget_command(), sudoable=False),
            limit_seconds=limit_seconds,
            unreachable_seconds=self.unreachable_seconds,
        ).follow()

    def _tidy(self, job: RemoteJob, *, keep_result: bool) -> None:
        """Leave nothing, neither of ours nor of Ansible's.

        Its wrapper removes the folder of the task seconds later, and not at all after ``become``. It keeps those of
        questions about the job.
        """
        shell = self._connection._shell
        if not keep_result:
            self._execute(job.clean_command())
        if not constants.DEFAULT_KEEP_REMOTE_FILES:
            for folder in (job.task_folder, *([shell.tmpdir] if shell.tmpdir else [])):
                self._execute(shell.remove(folder, recurse=True), sudoable=False)
            shell.tmpdir = None

    def _execute(self, command: str, sudoable: bool = True) -> str | None:
        """The output of a shell command on the host, as the user of the module or the one of the connection; None when
        the host cannot be reached.
        """
        done = self._reached(lambda: self._low_level_execute_command(command, sudoable=sudoable))
        return None if done is None else str(done["stdout"])

    def _reached(self, ask: t.Callable[[], Result]) -> Result | None:
        try:
            return ask()
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
