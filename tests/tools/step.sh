#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# step.sh NAME COMMAND...: runs one step of the tests, keeps its output in .cache/logs/NAME.log, and says how long it
# took.
set -euo pipefail
cd "$(dirname "$0")/../.."
name=${1:?a name} && shift
log=.cache/logs/$name.log
mkdir -p .cache/logs
echo "=== $name: $*"
begin=$SECONDS
status=0
"$@" 2>&1 | tee "$log" || status=${PIPESTATUS[0]}
verdict=passed
[ "$status" = 0 ] || verdict="FAILED with $status"
echo "=== $name: $verdict after $((SECONDS - begin)) s" | tee -a "$log"
exit "$status"
