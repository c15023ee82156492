#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# docs.sh: a reference page for each module, role and option, from what stands in the modules themselves.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/.venv/bin:$PATH
export ANSIBLE_HOME=$PWD/.ansible
mkdir -p .cache/docs
antsibull-docs collection --use-current --squash-hierarchy --output-format simplified-rst --fail-on-error \
  --dest-dir .cache/docs lifeboat.dr
echo "The pages are in .cache/docs"
