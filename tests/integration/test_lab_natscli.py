# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Go is missing or cannot build the nats command line, that is one clear line, and the tests that need it are
skipped.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[2]
_WITHOUT_GO = "import tests.lab.natscli as natscli; natscli.shutil.which = lambda name: None; "


def _python(code: str, cache: pathlib.Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "XDG_CACHE_HOME": str(cache), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, env=given, capture_output=True, text=True, check=False, timeout=120
    )


def test_without_go_one_line_says_so_however_often_it_is_asked_for(tmp_path: pathlib.Path) -> None:
    done = _python(_WITHOUT_GO + "assert [natscli.find_or_build() for _time in range(3)] == [None] * 3", tmp_path)
    assert done.returncode == 0 and done.stdout == ""
    assert (
        done.stderr
        == "The nats command line v0.3.0 is not there, so tests with it are skipped: Go is not on this machine.\n"
    )


def test_a_go_that_cannot_build_it_is_told_in_one_line_and_leaves_nothing(tmp_path: pathlib.Path) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(
        "#!/bin/sh\necho 'go: many words' >&2\necho 'module lookup disabled by GOPROXY=off' >&2\nexit 1\n",
        encoding="utf-8",
    )
    go.chmod(0o755)
    code = "import tests.lab.natscli as natscli; assert natscli.find_or_build() is None"
    done = _python(code, tmp_path / "cache", PATH=f"{go.parent}:{os.environ['PATH']}")
    assert done.returncode == 0 and done.stderr.count("\n") == 1
    assert "it could not be built: module lookup disabled by GOPROXY=off." in done.stderr
    assert [path.suffix for path in (tmp_path / "cache" / "lifeboat-dr").iterdir()] == [".lock"]


def test_the_tests_that_need_it_are_skipped_with_the_reason(tmp_path: pathlib.Path) -> None:
    tests = "['-q', '-rs', '-p', 'no:cacheprovider', 'tests/integration/test_jetstream_interchange.py']"
    done = _python(_WITHOUT_GO + f"import pytest, sys; sys.exit(pytest.main({tests}))", tmp_path)
    assert done.returncode == int(pytest.ExitCode.OK), done.stdout + done.stderr
    assert "passed" not in done.stdout and "failed" not in done.stdout
    assert (
        "the nats command line is not there; tests/integration/test_jetstream_restore.py proves the same by bytes"
        in done.stdout
    )
