# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of faults that were found once: whatever could be a new one of a kind has to be named here with its reason.

``docs/explanation/kinds-of-faults.md`` has all kinds, and the tests of those that only a real server can show.
"""

from __future__ import annotations

import ast
import collections.abc
import pathlib

import pytest

_PLUGINS = pathlib.Path(__file__).parents[2] / "plugins"
_UTILS = _PLUGINS / "module_utils"

# Where a folder or a file with a name is made for a while: what is in it stays when the process is killed.
_NAMED_FOR_A_WHILE = {
    "_programs/_scratch_folder.py": "locked: the next run removes what a killed one has left",
    "_crypto/_gpg_home.py": "the same",
    "_core/_whole_file.py": "becomes the file that was asked for, beside it",
    "_work/_s3_memory.py": "the same",
    "_postgres/physical/_server.py": "the socket and three configuration files without secrets",
    "_postgres/backrest/_program.py": "where pgBackRest may put its locks and logs",
}
# What a program of another gets of the environment that the module was started with.
_HANDS_ON_ALL = {
    "_postgres/client/_connection.py": "libpq's variables are options; what would change a backup is set after them",
    "_postgres/standby/_rejoin.py": "programs that read a data folder; the time zone and the language are set",
    "_postgres/standby/_divergence.py": "the same",
    "_restic/_restic.py": "credentials of restic's backends; other passwords, and the host, are left out",
    "_discover/_look.py": "libpq's variables reach a server that asks for a password; its settings are set",
}
# Sessions with PostgreSQL that do not have SESSION_SETTINGS.
_OPENS_SESSIONS = {
    "_postgres/client/_connection.py": "the one place that sets them",
    "_postgres/standby/_fence.py": "a session as an application opens it: whether that may write is the question",
}
_STARTS_PROGRAMS = {
    "_programs/_process.py": "the one place",
    "_concurrency/_own_process.py": "a process of our own, which is no program of another",
    "_discover/_look.py": "questions with a time limit, whose failure is an answer",
}
# JSON that nobody else can have written.
_READS_OWN_JSON = {
    "_core/_json.py": "the one place",
    "_postgres/wal/_ahead.py": "the configuration of PostgreSQL's account; it imports nothing of ours",
    "_references/_names.py": "names that this module wrote a moment ago",
}


def _calls(path: pathlib.Path) -> collections.abc.Iterator[str]:
    """What is called in a file, as it is written: ``json.loads``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def _files_that(does: collections.abc.Callable[[pathlib.Path], bool]) -> set[str]:
    return {str(path.relative_to(_UTILS)) for path in _UTILS.rglob("*.py") if does(path)}


def _hands_on_all(path: pathlib.Path) -> bool:
    """Whether the whole environment is unpacked or gone through."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict) and any(
            key is None and ast.unparse(value) == "os.environ"
            for key, value in zip(node.keys, node.values, strict=True)
        ):
            return True
        if isinstance(node, ast.comprehension) and ast.unparse(node.iter) == "os.environ.items()":
            return "in kept" not in ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node) in ("dict(os.environ)", "os.environ.copy()"):
            return True
    return False


_NAMED = ("tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.TemporaryDirectory", "tempfile.NamedTemporaryFile")


@pytest.mark.parametrize(
    ("found", "known"),
    [
        pytest.param(_files_that(lambda path: any(call in _NAMED for call in _calls(path))), _NAMED_FOR_A_WHILE,
                     id="decrypted bytes outlive a process: a file with a name"),
        pytest.param(_files_that(_hands_on_all), _HANDS_ON_ALL,
                     id="programs inherit settings: the whole environment"),
        pytest.param(
            _files_that(lambda path: "import_psycopg2" in path.read_text(encoding="utf-8")
                        and any(call in ("library.connect", "import_psycopg2().connect", "psycopg2.connect")
                                for call in _calls(path))), _OPENS_SESSIONS,
            id="own sessions inherit settings: a session of another making"),
        pytest.param(_files_that(lambda path: any(call.startswith("subprocess.") for call in _calls(path))),
                     _STARTS_PROGRAMS, id="programs inherit settings, and have no end: a program started elsewhere"),
        pytest.param(_files_that(lambda path: any(call in ("json.load", "json.loads") for call in _calls(path))),
                     _READS_OWN_JSON, id="an answer leaves as a traceback: JSON that is nested without end"),
    ],
)  # fmt: skip
def test_each_place_that_could_be_one_of_a_kind_is_known_with_its_reason(
    found: set[str], known: dict[str, str]
) -> None:
    assert found == set(known), "name it with its reason, or do it as the others do"
