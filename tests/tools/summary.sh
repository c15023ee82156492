#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# summary.sh: the closing lines of every step that has run.
set -euo pipefail
cd "$(dirname "$0")/../.."
for name in lint sanity unit integration molecule; do
  log=.cache/logs/$name.log
  [ -e "$log" ] || { echo "--- $name: has not run"; continue; }
  echo "--- $name"
  sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -v '^[[:space:]]*$' | tail -n 4
done
