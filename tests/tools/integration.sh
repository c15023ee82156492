#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# integration.sh [PYTEST ARGUMENT...]: the tests on real servers, in three processes, each with servers of its own: a
# quarter of the time each waits for something that is not the processor.
#
# What fails is red, whatever happens next. Where at most three fail, these run once more by themselves, only so that
# the log says which of them depend on the load of the machine (UNSTEADY) and which fail every time (BROKEN).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
python=.venv/bin/python
most=3
# In the order of the names: xdist would leave the files with few tests, which are the longest here, to the end.
"$python" -m pytest -q --numprocesses 3 --dist loadfile --no-loadscope-reorder tests/integration "$@"
status=$?
[ "$status" = 1 ] || exit "$status" # 0 is passed; above 1 it was not tests that failed
only_failed=(--last-failed --last-failed-no-failures none)
mapfile -t failed < <("$python" -m pytest -q --collect-only "${only_failed[@]}" tests/integration "$@" | grep '::')
[ ${#failed[@]} -le "$most" ] || exit 1
echo "--- what failed runs once more, to say which of it is unsteady; it stays failed"
for test in "${failed[@]}"; do
  if "$python" -m pytest -q -p no:cacheprovider "$test"; then
    echo "UNSTEADY: failed once, and did not when it ran again by itself: $test"
  else
    echo "BROKEN: failed twice: $test"
  fi
done
exit 1
