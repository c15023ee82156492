#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# wheels.sh FOLDER: the wheels that the role backup installs, for the Pythons of the test hosts. They are fetched here,
# with the settings that pip has on this machine, and shown to the containers read-only: those need no way to a package
# index, and no settings for it. They are kept in the user's cache, for the next checkout.
set -euo pipefail
folder=${1:?a folder}
cd "$(dirname "$0")/../.."
machine=$(uname -m)
pythons=(3.11 3.13) # Debian 12, Debian 13

# What the index has only as source. It is pure Python.
sources=$(sed -n 's/^\(nkeys==[^ ]*\).*/\1/p' requirements.txt)

# cores_of PYTHON: what requirements-runner.txt has for hosts with that Python. pip asks markers of the Python that it
# runs on, also where it downloads for another.
cores_of() {
  .venv/bin/python - "$1" <<'END'
import sys
from packaging.requirements import Requirement

for line in open("requirements-runner.txt", encoding="utf-8"):
    one = Requirement(line.split("#")[0]) if line[:1].isalpha() else None
    if one and (not one.marker or one.marker.evaluate({"python_version": sys.argv[1]})):
        print(f"{one.name}{one.specifier}")
END
}

wanted=$(cat requirements.txt requirements-runner.txt "$0" | sha256sum)
[ "$(cat "$folder/.complete" 2>/dev/null)" != "$wanted" ] || exit 0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lifeboat-dr/wheels-$(cut -c1-16 <<<"$wanted")
if [ "$(cat "$cache/.complete" 2>/dev/null)" != "$wanted" ]; then
  find "$(dirname "$cache")" -maxdepth 1 -name 'wheels-*' -mtime +30 -exec rm -rf {} +
  rm -rf "$cache"
  mkdir -p "$cache"
  platforms=(--platform "linux_$machine")
  for glibc in 5 12 17 24 27 28 31 34 35 36; do platforms+=(--platform "manylinux_2_${glibc}_$machine"); done
  for name in manylinux1 manylinux2010 manylinux2014; do platforms+=(--platform "${name}_$machine"); done
  .venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$cache" "$sources"
  for python in "${pythons[@]}"; do
    mapfile -t wanted_core < <(cores_of "$python")
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --only-binary=:all: --implementation cp \
      --python-version "$python" "${platforms[@]}" --find-links "$cache" --dest "$cache" \
      --requirement requirements.txt "${wanted_core[@]}"
  done
  echo "$wanted" >"$cache/.complete"
fi
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
# a link costs nothing, where both are on one file system
cp -al "$cache" "$folder" 2>/dev/null || cp -a "$cache" "$folder"
