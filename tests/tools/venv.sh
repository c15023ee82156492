#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# venv.sh REQUIREMENTS: the virtual environment .venv with what the file lists, and the link by which Ansible and pytest
# find the collection under its name. Costs nothing when the requirements are the ones installed last.
set -euo pipefail
cd "$(dirname "$0")/../.."
requirements=${1:?a requirements file}
stamp=.venv/.installed-$(basename "$requirements" .txt)

link=.ansible/collections/ansible_collections/lifeboat/dr
if [ ! -e "$link/galaxy.yml" ]; then
  mkdir -p "$(dirname "$link")"
  ln -sfn ../../../.. "$link"
fi

wanted=$(cat requirements*.txt | sha256sum)
for installed in "$stamp" .venv/.installed-requirements-dev; do  # the latter holds all
  [ ! -x .venv/bin/python ] || [ "$(cat "$installed" 2>/dev/null)" != "$wanted" ] || exit 0
done
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(tests/tools/python.sh) || {
    echo "No Python 3.11, 3.12 or 3.13 with venv here; on Debian: apt-get install python3-venv" >&2
    exit 1
  }
  echo "Making .venv with $python"
  "$python" -m venv --clear .venv
fi
echo "Installing $requirements into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements"
echo "$wanted" >"$stamp"
[ "$requirements" != requirements-dev.txt ] || tests/tools/compiled.sh
