#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# lint.sh: every gate of style. All of them run, so that one look shows everything that is wrong.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
PATH=$PWD/.venv/bin:$PATH
export ANSIBLE_HOME=$PWD/.ansible
failed=()
gate() {
  echo "--- $*"
  "$@" || failed+=("$1")
}
gate ruff check --no-cache .
gate tests/tools/line_length.sh
gate python tests/tools/imports.py
gate mypy
gate ansible-lint
gate antsibull-changelog lint
gate reuse lint --quiet
gate antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck --validate-collection-refs self .
[ ${#failed[@]} = 0 ] || { echo "lint: failed: ${failed[*]}"; exit 1; }
echo "lint: all passed"
