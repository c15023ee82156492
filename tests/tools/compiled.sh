#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# compiled.sh: tries to build what requirements-compiled.txt lists into .venv. Never fails: where it cannot be built,
# one line says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
stamp=.venv/.tried-compiled
wanted=$(sha256sum <requirements-compiled.txt; command -v cc || true)  # tried again when there is a compiler
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || exit 0
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-compiled.txt >/dev/null 2>&1 \
  || echo "highwayhash-cffi could not be built (it needs a C compiler and Python's headers):" \
    "JetStream's hashes are computed with numpy"
echo "$wanted" >"$stamp"
