#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# together.sh FIRST SECOND: two targets of make at the same time, one that computes (sanity) beside one that waits for
# others most of the time (molecule). What the first one says is shown when both have ended; either failing fails.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
first=${1:?a target} second=${2:?another target}
said=$(mktemp)
trap 'rm -f "$said"' EXIT
make --no-print-directory "$first" >"$said" 2>&1 </dev/null &
running=$!
trap 'kill "$running" 2>/dev/null' INT TERM
status=0
make --no-print-directory "$second" || status=$?
wait "$running" || status=$?
cat "$said"
exit "$status"
