#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# line_length.sh: YAML, shell and templates have lines of at most 120 columns, as Python has (ruff). Names longer ones.
# What antsibull-changelog writes is left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C.UTF-8
git ls-files -z --cached --others --exclude-standard -- '*.yml' '*.yaml' '*.sh' '*.j2' Makefile .ci/run \
  ':!changelogs/changelog.yaml' |
  xargs -0 grep -nE '^.{121,}$' /dev/null | cut -c1-160 && exit 1
exit 0
