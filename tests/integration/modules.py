# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module as Ansible does, as a process of its own with its arguments on standard input, only without the copying
to a host, and without importing the libraries anew for each.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import pathlib
import subprocess
import sys
import sysconfig
import typing as t
import weakref

from tests.integration.module_server import ModuleServer
from tests.lab import throwaway

_COLLECTIONS = pathlib.Path(__file__).parents[2] / ".ansible" / "collections"
_MODULES = "ansible_collections.lifeboat.dr.plugins.modules"

AfterModule = t.Callable[[str, t.Mapping[str, t.Any], t.Mapping[str, t.Any]], None]
after_module: list[AfterModule] = []
"""What is done after each run of a module that has not failed, with its name, its arguments and its result."""
_started: weakref.WeakKeyDictionary[subprocess.Popen[str], tuple[str, dict[str, t.Any]]] = weakref.WeakKeyDictionary()


def start_module(
    name: str,
    arguments: dict[str, t.Any],
    *,
    check_mode: bool = False,
    environment: dict[str, str] | None = None,
    user: str | None = None,
) -> subprocess.Popen[str]:
    """Start the module ``name`` (such as ``pg_backup``) and do not wait for it: ``result_of`` does.

    Nothing of the caller's environment reaches it but PATH and HOME; ``environment`` is added. ``user`` is another
    account to run it.
    """
    process = subprocess.Popen(
        [_python(user), "-m", f"{_MODULES}.{name}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(environment),
        cwd="/",
        **throwaway.identity(user),
    )
    arguments_pipe = process.stdin
    if arguments_pipe is None:
        raise AssertionError("the module was started without an input")
    with contextlib.closing(arguments_pipe):
        arguments_pipe.write(_input(arguments, check_mode=check_mode))
    process.stdin = None  # else communicate() would use it again
    if not check_mode:
        _started[process] = (name, arguments)
    return process


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    own = {
        "PYTHONPATH": os.pathsep.join([str(_COLLECTIONS), sysconfig.get_path("purelib")]),
        "HOME": os.environ.get("HOME", "/root"),
        "LC_ALL": "C.UTF-8",
    }
    return throwaway.base_environment({**own, **(more or {})})


def _input(arguments: dict[str, t.Any], *, check_mode: bool) -> str:
    given = {**arguments, "_ansible_check_mode": check_mode, "_ansible_diff": True}
    return json.dumps({"ANSIBLE_MODULE_ARGS": given})


def _python(user: str | None) -> str:
    """This interpreter, or, where another account may not run it, the system's of the same version, which takes the
    same libraries.
    """
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, system):
        with contextlib.suppress(OSError):
            if (
                user is None
                or not subprocess.run([python, "-c", ""], check=False, cwd="/", **throwaway.identity(user)).returncode
            ):
                return python
    raise throwaway.MissingPrerequisiteError(f"The account {user} can run neither {sys.executable} nor {system}.")


def result_of(process: subprocess.Popen[str], *, timeout: float = 120) -> dict[str, t.Any]:
    """The module's result, also when it failed.

    A module that ends without one, or says more than that, fails the test.
    """
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        raise AssertionError(f"The module was at work for more than {timeout:g} s.\n{output}\n{errors}") from None
    result = _checked(output, errors, process.returncode)
    if process in _started:
        _tell(*_started[process], result)
    return result


def _tell(name: str, arguments: dict[str, t.Any], result: dict[str, t.Any]) -> None:
    if not result.get("failed"):
        for told in after_module:
            told(name, arguments, result)


def _checked(output: str, errors: str, status: int) -> dict[str, t.Any]:
    try:
        result: dict[str, t.Any] = json.loads(output)
    except ValueError:
        raise AssertionError(f"The module ended with {status} and no result.\n{output}\n{errors}") from None
    assert not errors, f"The module wrote to standard error:\n{errors}"
    assert bool(result.get("failed")) == bool(status), f"exit code {status}: {output}"
    assert "does not know what to do about an error" not in output, f"an error left as no error of ours: {output}"
    return result


def run_module(
    name: str,
    arguments: dict[str, t.Any],
    *,
    check_mode: bool = False,
    environment: dict[str, str] | None = None,
    user: str | None = None,
    timeout: float = 120,
) -> dict[str, t.Any]:
    """Run the module to its end and give its result; look at ``failed`` and ``msg`` for a failure."""
    if user is not None or any(key.startswith(("LD_", "PYTHON")) for key in environment or ()):
        # Another account, or what only a start of Python reads.
        return result_of(
            start_module(name, arguments, check_mode=check_mode, environment=environment, user=user), timeout=timeout
        )
    try:
        ended = _server().run(
            name, _input(arguments, check_mode=check_mode), _environment(environment), timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"The module was at work for more than {timeout:g} s.\n{error.output!r}") from None
    result = _checked(ended.output, ended.errors, ended.status)
    if not check_mode:
        _tell(name, arguments, result)
    return result


@functools.cache
def _server() -> ModuleServer:
    server = ModuleServer(_environment(None))
    atexit.register(server.close)
    return server
