# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Runs a module's work: the one place where errors become ``fail_json``."""

from __future__ import annotations

import contextlib
import signal
import traceback
import types
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core import _audit as _audit_log
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked the module to end.

    Not an Exception, so that nothing on the way takes it for a failure of its own.
    """

    left = ""  # what state things are in; see left_when_stopped


@contextlib.contextmanager
def left_when_stopped(words: str) -> t.Iterator[None]:
    """What a person is told of the state of things when the module is stopped in here. The innermost knows best."""
    try:
        yield
    except Interrupted as error:
        error.left = error.left or words
        raise


def run(module: AnsibleModule, work: t.Callable[[AnsibleModule], dict[str, t.Any]]) -> None:
    """Do the work and end the module with its result.

    A result with ``failed`` is a failure that has more to say than an error.
    """
    for number in _ENDING:
        signal.signal(number, _interrupt)
    try:
        result = work(module)
    except LifeboatError as error:
        result = {"failed": True, **error.to_result()}
    except Interrupted as error:
        words = f"The module was stopped ({error}). {error.left or 'What it had begun was removed again.'}"
        result = {"failed": True, "msg": words}
    except Exception as error:  # a library's own, of any kind
        result = _unforeseen(error)
    _audit(module, result)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


def _unforeseen(error: Exception) -> dict[str, t.Any]:
    """A failure in words, with the trace where Ansible shows it (-vvv)."""
    words = " ".join(str(error).split()) or "it said nothing"
    kind = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}".removeprefix("builtins.")
    return {
        "failed": True,
        "msg": f"This release does not know what to do about an error of the kind {kind}: {words.rstrip('.')}. What "
        "had been begun was ended as after any other error. Please report it, with the output of -vvv.",
        "exception": traceback.format_exc(),
    }


def _audit(module: AnsibleModule, result: t.Mapping[str, t.Any]) -> None:
    """Write the line of the audit log. What was done is done: a log that takes no line is a warning."""
    options = module.params.get("audit")
    if not options or module.check_mode:
        return
    try:
        not_shipped = _audit_log.append(options, _audit_log.record_of(module._name, module.params, result))
    except OSError as error:
        module.warn(f"The audit log {options['log']} lacks a line on this run: {error.strerror or error}.")
        return
    if not_shipped:
        module.warn(f"The line on this run is in {options['log']}, and was not sent to the syslog: {not_shipped}.")


def _interrupt(number: int, _frame: types.FrameType | None) -> None:
    for other in _ENDING:
        signal.signal(other, signal.SIG_IGN)  # once is enough; the cleaning up must not be interrupted
    raise Interrupted(signal.Signals(number).name)
