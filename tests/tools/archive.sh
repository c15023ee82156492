#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# archive.sh: the archive that is published, in .cache/archive, looked at by the importer that Galaxy and private hubs
# use. It goes on where ansible-lint took too long and only says so: that is an error here.
set -euo pipefail
cd "$(dirname "$0")/../.."
place=$PWD/.cache/archive
environment=$place/venv
mkdir -p "$place"
wanted=$(sha256sum <requirements-archive.txt)
if [ "$(cat "$environment/.installed" 2>/dev/null)" != "$wanted" ]; then
  "$(tests/tools/python.sh)" -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r requirements-archive.txt
  echo "$wanted" >"$environment/.installed"
fi
PATH=$environment/bin:$PATH
rm -f "$place"/*.tar.gz
ansible-galaxy collection build --output-path "$place" .
cat >"$place/importer.cfg" <<'CONFIG'
[galaxy-importer]
CHECK_REQUIRED_TAGS = True
REQUIRE_V1_OR_GREATER = True
RUN_ANSIBLE_TEST = False
CONFIG
cd "$place"
GALAXY_IMPORTER_CONFIG=$place/importer.cfg python -m galaxy_importer.main ./*.tar.gz >"$place/importer.log" 2>&1 || {
  cat "$place/importer.log" >&2
  exit 1
}
if grep -E '^(WARNING|ERROR)|Timeout|WARNING:|ERROR:' "$place/importer.log" >&2; then
  exit 1
fi
tail -n 1 "$place/importer.log"
