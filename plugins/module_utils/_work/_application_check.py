# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The module ``application_check``: asks an application by HTTP and by commands whether it works."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._durations import parse_duration
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._http._ask import Request, ask, read_request
from ansible_collections.lifeboat.dr.plugins.module_utils._http._expectation import (
    EXPECTED_SPEC,
    Expectation,
    asks_for_content,
    judge,
    read_expectation,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    Run = t.Callable[..., tuple[int, str, str]]

_URL_KEYS = ("method", "headers", "body", "status", "ca_cert", "validate_certs")
_COMMAND_KEYS = ("exit_status",)
OF_URL_SPEC: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "url": {"type": "str"},
    "method": {"type": "str"},
    "headers": {"type": "dict", "no_log": True},
    "body": {"type": "raw"},
    "status": {"type": "int"},
    "ca_cert": {"type": "path"},
    "validate_certs": {"type": "bool"},
    **EXPECTED_SPEC,
    "timeout": {"type": "str", "default": "10s"},
}
"""The keys of a check that asks a web server."""
ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "checks": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            **OF_URL_SPEC,
            "command": {"type": "list", "elements": "str"},
            "exit_status": {"type": "int"},
        },
    },
    "wait": {"type": "str", "default": "0s"},
}
_PAUSE_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Question:
    """One check: a ``request`` or a ``command``, and what the answer must be."""

    name: str
    expectation: Expectation
    timeout_seconds: float
    request: Request | None = None
    command: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Result:
    """One check with its answer. ``error`` says that there was none."""

    name: str
    status: str  # passed, failed, error
    expected: str
    observed: str
    seconds: float


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result; ``failed`` in it where one check did not pass."""
    options = module.params
    wait = parse_duration("wait", options["wait"]).total_seconds()
    questions = [read_question(f"checks[{number}]", one) for number, one in enumerate(options["checks"])]
    if not questions:
        raise OptionError("checks: there is none, so nothing would be checked.", hint="Give at least one.")
    if module.check_mode:
        return {"changed": False, "checks": []}
    return _described(_answers(questions, t.cast("Run", module.run_command), time.monotonic() + wait))


def _answers(questions: t.Sequence[Question], run: Run, end: float) -> list[Result]:
    """The answers. Those that are not right are asked for again until then; the others once more when all are, as what
    was right before may not be any more.
    """
    results: list[Result | None] = [None] * len(questions)
    while True:
        waiting = [number for number, one in enumerate(results) if one is None or one.status != "passed"]
        for number in waiting:
            results[number] = _asked(questions[number], run)
        if _all_right(results):
            for number in set(range(len(questions))).difference(waiting):
                results[number] = _asked(questions[number], run)
        if _all_right(results) or time.monotonic() >= end:
            return [one for one in results if one is not None]
        time.sleep(_PAUSE_SECONDS)


def _all_right(results: t.Iterable[Result | None]) -> bool:
    return all(one is not None and one.status == "passed" for one in results)


def _described(results: t.Sequence[Result]) -> dict[str, t.Any]:
    red = [one for one in results if one.status != "passed"]
    described: dict[str, t.Any] = {"changed": False, "checks": [dataclasses.asdict(one) for one in results]}
    if red:
        described["failed"] = True
        told = "; ".join(f"{one.name}: {one.observed} (expected: {one.expected})" for one in red)
        described["msg"] = f"{len(red)} of {len(results)} checks did not pass: {told}."
    return described


def read_question(place: str, options: t.Mapping[str, t.Any]) -> Question:
    """The check that the options describe. Raises OptionError naming the key, which is in ``place``."""
    if bool(options["url"]) == bool(options.get("command")):
        raise OptionError(f"{place}: give one of url and command.", hint="A check asks one question.")
    foreign = [key for key in (_COMMAND_KEYS if options["url"] else _URL_KEYS) if options.get(key) is not None]
    if foreign:
        raise OptionError(
            f"{place}: {foreign[0]} does not go with {'url' if options['url'] else 'command'}.", hint="Leave it out."
        )
    timeout = parse_duration(f"{place}.timeout", options["timeout"]).total_seconds()
    if timeout <= 0:
        raise OptionError(
            f"{place}.timeout is {options['timeout']}, in which nothing answers.", hint="Write it as 10s."
        )
    if options.get("command"):
        command = tuple(options["command"])
        expectation = read_expectation(place, options, options["exit_status"] or 0)
        return Question(options["name"] or " ".join(command), expectation, timeout, None, command)
    expectation = read_expectation(place, options, 200 if options["status"] is None else options["status"])
    if not asks_for_content(expectation) and 200 <= expectation.status < 300:
        raise OptionError(
            f"{place}: a page may say {expectation.status} and show an error, and nothing of its content is asked for.",
            hint="Give contains, matches, or json_path and value: what only a working application answers.",
        )
    request = read_request(place, options)
    return Question(options["name"] or request.url, expectation, timeout, request)


def _asked(question: Question, run: Run) -> Result:
    began = time.monotonic()
    if question.request is not None:
        answer = ask(question.request, question.timeout_seconds)
        status, text, problem = answer.status, answer.text, answer.problem
    else:
        status, text, problem = _run(question, run)
    seconds = round(time.monotonic() - began, 3)
    judged = judge(question.expectation, status, text)
    if problem:
        return Result(question.name, "error", judged.expected, problem, seconds)
    return Result(question.name, "passed" if judged.right else "failed", judged.expected, judged.observed, seconds)


def _run(question: Question, run: Run) -> tuple[int, str, str]:
    """Exit status, output (of errors as well where it failed), and why there is none."""
    limited = ["timeout", "--kill-after=5", f"{question.timeout_seconds:g}", *question.command]
    status, output, errors = run(limited, errors="replace", handle_exceptions=False)
    if status == _TIMED_OUT:
        return status, "", f"it did not end within {question.timeout_seconds:g} s"
    if status in (126, 127):
        return status, "", f"it cannot be run: {' '.join(errors.split())}"
    return status, output if status == question.expectation.status else f"{output}\n{errors}".strip(), ""


_TIMED_OUT = 124  # of timeout(1)
