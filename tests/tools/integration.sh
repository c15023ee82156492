#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# integration.sh [PYTEST ARGUMENT...]: the tests on real servers, in two processes, each with servers of its own.
# Where at most three fail, these run once more, by themselves: what passes then depended on the load of the machine. It is told by name, as
# UNSTEADY, so that it gets mended, and does not make the whole run red. What fails twice does.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
python=.venv/bin/python
again=3
"$python" -m pytest -q --numprocesses 2 --dist loadfile tests/integration "$@"
status=$?
[ "$status" = 1 ] || exit "$status" # 0 is passed; above 1 it was not tests that failed
failed=$("$python" -m pytest -q --collect-only --last-failed --last-failed-no-failures none tests/integration "$@" | grep '::')
[ "$(wc -l <<<"$failed")" -le "$again" ] || exit 1
echo "--- once more, those that failed"
# What is skipped has not passed.
"$python" -m pytest -q --last-failed --last-failed-no-failures none tests/integration "$@" | tee .cache/once-more.log
[ "${PIPESTATUS[0]}" = 0 ] || exit 1
if grep -q '[0-9] skipped' .cache/once-more.log; then exit 1; fi
sed 's/^/UNSTEADY: failed once, and passed when it ran again: /' <<<"$failed"
