# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module ends: with its result, with an error that people can read, or when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t

import pytest

_MODULE = """
import sys, time
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core import _errors, _module

def work(module):
    try:
        {work}
    finally:
        sys.stderr.write("cleaned up")

_module.run(AnsibleModule({{}}), work)
"""

_WAITING = """try:
            print('ready', flush=True); time.sleep(60)
        except Exception: sys.stderr.write('swallowed')
        finally: print('cleaning', flush=True); time.sleep(0.3)"""


def start(work: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-c", _MODULE.format(work=work)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {}}))
    process.stdin.close()
    process.stdin = None
    return process


def end(process: subprocess.Popen[str]) -> tuple[int, dict[str, t.Any], str]:
    output, errors = process.communicate(timeout=20)
    return process.returncode, json.loads(output.splitlines()[-1]), errors


def test_a_result_is_the_modules_result() -> None:
    code, result, _errors = end(start("return {'changed': True, 'rows': 5}"))
    assert (code, result["changed"], result["rows"], result.get("failed", False)) == (0, True, 5, False)


def test_an_error_becomes_a_failure_with_hint_and_details_and_no_traceback() -> None:
    code, result, errors = end(
        start("raise _errors.DamagedError('It is cut.', hint='Use another.', details={'size': 5})")
    )
    assert (code, result["failed"], result["msg"], result["hint"]) == (
        1,
        True,
        "It is cut. Use another.",
        "Use another.",
    )
    assert result["details"] == {"size": 5}
    assert "Traceback" not in json.dumps(result) + errors


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        ("import psycopg2; raise psycopg2.DataError('no such byte')", "psycopg2.DataError"),
        ("b'\\xff'.decode()", "UnicodeDecodeError"),
        ("open('/not/there')", "FileNotFoundError"),
        ("raise KeyError", "KeyError"),
    ],
)
def test_an_error_that_nobody_has_foreseen_becomes_a_failure_in_words(work: str, kind: str) -> None:
    code, result, errors = end(start(work))
    assert code == 1 and result["failed"] and f"of the kind {kind}: " in result["msg"]
    assert "Please report it" in result["msg"] and "Traceback" not in result["msg"] + errors


def test_words_of_another_program_that_end_without_a_stop_get_one_before_the_hint() -> None:
    _code, result, _errors = end(start("raise _errors.LifeboatError('FATAL: no such role', hint='Make it.')"))
    assert result["msg"] == "FATAL: no such role. Make it."


def test_a_result_that_says_failed_is_a_failure_that_keeps_what_it_says() -> None:
    code, result, _errors = end(start("return {'failed': True, 'msg': 'half', 'changed': True, 'stored_in': ['a']}"))
    assert (code, result["failed"], result["msg"], result["changed"], result["stored_in"]) == (
        1,
        True,
        "half",
        True,
        ["a"],
    )


@pytest.mark.parametrize(
    ("number", "second"),
    [
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGINT, signal.SIGTERM),
        (signal.SIGHUP, signal.SIGINT),
        (signal.SIGTERM, signal.SIGHUP),
    ],
)
def test_a_module_that_is_told_to_end_cleans_up_undisturbed_and_says_so(
    number: signal.Signals, second: signal.Signals
) -> None:
    process = start(_WAITING)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(second)  # in the middle of the cleaning up
    code, result, errors = end(process)
    assert (code, result["failed"], errors) == (1, True, "cleaned up")
    assert result["msg"] == f"The module was stopped ({number.name}). What it had begun was removed again."


_INSIDE = """with _module.left_when_stopped("Nothing was changed."):
            {first}
            with _module.left_when_stopped("What was done stays."):
                print('ready', flush=True); time.sleep(60)"""


@pytest.mark.parametrize(
    ("first", "said"),
    [("pass", "What was done stays."), ("print('ready', flush=True); time.sleep(60)", "Nothing was changed.")],
)
def test_a_module_that_is_told_to_end_says_what_is_left_where_it_was(first: str, said: str) -> None:
    process = start(_INSIDE.format(first=first))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _code, result, _errors = end(process)
    assert result["msg"] == f"The module was stopped (SIGTERM). {said}"
