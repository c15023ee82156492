# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""What an answer must be: of a web server its status, its text, a value in its JSON; of a program its exit status and
its output. Pure.

A web server that says 200 proves nothing: an error page may say so, too. So every check of one asks for something that
only a working application answers.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._comparing import OPERATORS, comparable
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import OptionError
from ansible_collections.lifeboat.dr.plugins.module_utils._core._format import plural, visible
from ansible_collections.lifeboat.dr.plugins.module_utils._core._json import read_json

_PART = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)(\(\))?|\[(-?[0-9]{1,9})\]|\[\"([^\"]*)\"\]|\['([^']*)'\]")
_SHOWN = 200  # characters of an answer in a message
LENGTH = "length()"

EXPECTED_SPEC: dict[str, dict[str, t.Any]] = {
    "contains": {"type": "str"},
    "matches": {"type": "str"},
    "lacks": {"type": "str"},
    "json_path": {"type": "str"},
    "operator": {"type": "str", "choices": list(OPERATORS)},
    "value": {"type": "raw"},
}
"""The keys that say what an answer must be."""


@dataclasses.dataclass(frozen=True)
class Expectation:
    """What an answer must be. ``status`` is that of HTTP, or the exit status of a program."""

    status: int
    contains: str = ""
    matches: str = ""
    lacks: str = ""
    json_path: tuple[str | int, ...] = ()
    path_text: str = ""
    comparison: str = ""
    value: t.Any = None


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Whether an answer is right, with what was expected and observed, in words."""

    right: bool
    expected: str
    observed: str


def read_expectation(place: str, options: t.Mapping[str, t.Any], status: int) -> Expectation:
    """What the options of a check say. ``status`` is the one that is right. Raises OptionError naming the key."""
    pattern = options.get("matches") or ""
    try:
        re.compile(pattern)
    except re.error as error:
        raise OptionError(
            f"{place}.matches is {pattern!r}, which is not a regular expression: {error}.", hint="Correct it."
        ) from None
    path, value = options.get("json_path") or "", options.get("value")
    if bool(path) != (value is not None) or (options.get("operator") and not path):
        raise OptionError(
            f"{place}: json_path and value go together, and operator goes with them.",
            hint="Write {json_path: status, value: ok}.",
        )
    return Expectation(
        status=status,
        contains=options.get("contains") or "",
        matches=pattern,
        lacks=options.get("lacks") or "",
        json_path=read_path(f"{place}.json_path", path) if path else (),
        path_text=path,
        comparison=(options.get("operator") or "==") if path else "",
        value=value,
    )


def asks_for_content(expectation: Expectation) -> bool:
    """Whether something is expected that an error page does not have."""
    return bool(expectation.contains or expectation.matches or expectation.comparison)


def read_path(option: str, text: str) -> tuple[str | int, ...]:
    """The parts of a path such as ``data.orders[0].id`` or ``orders.length()``, with or without ``$.`` before it.

    Raises OptionError.
    """
    rest = text.strip().removeprefix("$")
    parts: list[str | int] = []
    while rest:
        found = _PART.match(rest)
        last = parts and parts[-1] == LENGTH
        if found is None or last or (parts and found[1] and not rest.startswith(".")):
            raise OptionError(
                f"{option} is {text!r}, which is not a path.",
                hint='Write it as status, data.orders[0].id, ["a name"].x or orders.length().',
            )
        name, call, number, quoted, single = found.groups()
        if call and f"{name}()" != LENGTH:
            raise OptionError(f"{option} is {text!r}; the only function is {LENGTH}.", hint="Leave it out.")
        parts.append(LENGTH if call else int(number) if number else name or (quoted if quoted is not None else single))
        rest = rest[found.end() :]
    if not parts:
        raise OptionError(
            f"{option} is {text!r}, which names nothing.", hint="Write it as status or data.orders[0].id."
        )
    return tuple(parts)


def value_at(document: t.Any, path: t.Sequence[str | int]) -> t.Any:
    """The value there. Raises KeyError, with the part that is not there."""
    for part in path:
        if part == LENGTH and isinstance(document, (list, dict, str)):
            document = len(document)
        elif _holds(document, part):
            document = document[part]
        else:
            raise KeyError(part)
    return document


def _holds(document: t.Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(document, list) and -len(document) <= part < len(document)
    return isinstance(document, dict) and part in document


def judge(expectation: Expectation, status: int, text: str) -> Judgement:
    """Whether an answer is right. The first thing that is wrong is what was observed."""
    expected = _expected(expectation)
    for wrong in (_status(expectation, status, text), _text(expectation, text), _json(expectation, text)):
        if wrong:
            return Judgement(False, expected, wrong)
    return Judgement(True, expected, _observed(expectation, status, text))


def _expected(expectation: Expectation) -> str:
    words = [f"status {expectation.status}"]
    words += [f"contains {expectation.contains!r}"] if expectation.contains else []
    words += [f"matches {expectation.matches!r}"] if expectation.matches else []
    words += [f"lacks {expectation.lacks!r}"] if expectation.lacks else []
    if expectation.comparison:
        words.append(f"{expectation.path_text} {expectation.comparison} {expectation.value}")
    return ", ".join(words)


def _observed(expectation: Expectation, status: int, text: str) -> str:
    words = f"status {status}, {plural(len(text), 'character')}"
    if expectation.comparison:
        words += f", {expectation.path_text} is {_short(str(value_at(read_json(text), expectation.json_path)))}"
    return words


def _status(expectation: Expectation, status: int, text: str) -> str:
    return "" if status == expectation.status else f"status {status}: {_short(text)}"


def _text(expectation: Expectation, text: str) -> str:
    if expectation.contains and expectation.contains not in text:
        return f"{expectation.contains!r} is not in the answer: {_short(text)}"
    if expectation.matches and not re.search(expectation.matches, text):
        return f"nothing in the answer matches {expectation.matches!r}: {_short(text)}"
    if expectation.lacks and expectation.lacks in text:
        return f"{expectation.lacks!r} is in the answer: {_short(text[text.index(expectation.lacks) :])}"
    return _graph_errors(text)


def _graph_errors(text: str) -> str:
    """GraphQL says 200 to a query that failed, and lists what did in ``errors``."""
    if not text.lstrip().startswith("{"):
        return ""
    try:
        document = read_json(text)
    except ValueError:
        return ""
    errors = document.get("errors") if isinstance(document, dict) else None
    return f"the answer has errors: {_short(json.dumps(errors))}" if isinstance(errors, list) and errors else ""


def _json(expectation: Expectation, text: str) -> str:
    if not expectation.comparison:
        return ""
    try:
        value = value_at(read_json(text), expectation.json_path)
    except ValueError:
        return f"the answer is not JSON: {_short(text)}"
    except KeyError:
        return f"{expectation.path_text} is not in the answer: {_short(text)}"
    if value is None:
        return f"{expectation.path_text} is null"
    pair = comparable(value, expectation.value)
    if isinstance(value, (list, dict)) or pair is None:
        return f"{expectation.path_text} is {_short(json.dumps(value))}, which cannot be compared"
    right = OPERATORS[expectation.comparison](*pair)
    return "" if right else f"{expectation.path_text} is {_short(str(value))}"


def _short(text: str) -> str:
    """The beginning of an answer, on one line."""
    line = visible(" ".join(text.split()))
    return f"{line[:_SHOWN]}..." if len(line) > _SHOWN else line or "nothing"
