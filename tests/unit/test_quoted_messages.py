# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page about failures quotes messages: each must be one that the code says, or nobody finds it."""

from __future__ import annotations

import ast
import functools
import pathlib
import re
import typing as t

import pytest

_ROOT = pathlib.Path(__file__).parents[2]
_PAGES = sorted((_ROOT / "docs").rglob("*.md"))
# The headings of the columns that quote messages.
_MESSAGE_TABLES = ("the message says", "you see", "it says", "message", "what the task says")
_OF_ANOTHER = re.compile(r"`[^`]+` \(from [^)]+\)")  # a message of another program, which our code does not have
_SHORTEST = 3  # letters; what is shorter says nothing


def _quoted(text: str) -> list[str]:
    """The messages in the first column of each table of messages; ``...`` stands for a value."""
    found, quoting = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            quoting = False
        elif cells[0] in _MESSAGE_TABLES:
            quoting = True
        elif quoting and not set(cells[0]) <= set("-: "):
            found += re.findall(r"`([^`]+)`", _OF_ANOTHER.sub("", cells[0]))
    return found


@functools.lru_cache(maxsize=1)
def _said_by_the_code() -> tuple[str, ...]:
    """Every piece of text that the code has, docstrings left out; the values of an f-string part it. Of roles and
    playbooks all that is written, each line break as the space that YAML makes of it.
    """
    pieces: list[str] = []
    for folder in ("roles", "playbooks"):
        for path in sorted((_ROOT / folder).rglob("*.yml")):
            pieces.append(re.sub(r"\s*\n\s*", " ", path.read_text(encoding="utf-8")))
    for path in sorted((_ROOT / "plugins").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
                pieces.append(node.value)
    return tuple(pieces)


def _missing(quoted: str, said: t.Sequence[str]) -> list[str]:
    """The literal pieces of a quotation that no text of the code contains."""
    pieces = [piece.strip(" .:,;") for piece in re.split(r"\.\.\.|…", quoted)]
    return [piece for piece in pieces if len(piece) >= _SHORTEST and not any(piece in text for text in said)]


def _quoted_everywhere() -> list[t.Any]:
    """The messages of all pages; names of checks, as a report has them, are not messages."""
    return [
        pytest.param(quoted, id=f"{page.stem}: {quoted}")
        for page in _PAGES
        for quoted in _quoted(page.read_text(encoding="utf-8"))
        if not re.fullmatch(r"[a-z]+\.[a-zN_*]+", quoted)
    ]


@pytest.mark.parametrize("quoted", _quoted_everywhere())
def test_a_quoted_message_is_one_that_the_code_says(quoted: str) -> None:
    assert not _missing(quoted, _said_by_the_code())


def test_the_messages_of_every_table_are_looked_for() -> None:
    page = (
        "| the message says | do |\n|---|---|\n| `one ... of it`, and `two` | `not this` |\n"
        "| `three` (from `pg_dump`) | wait |\n\n| left over | where |\n|---|---|\n| `x` | y |\n"
    )
    assert _quoted(page) == ["one ... of it", "two"]


def test_a_message_that_no_code_says_is_found() -> None:
    said = ("The folder ", " holds no backup")
    assert _missing("The folder ... holds no backup", said) == []
    assert _missing("The folder ... holds no backups", said) == ["holds no backups"]
