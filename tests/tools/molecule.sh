#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# molecule.sh [ARGUMENT...]: runs molecule, by default the whole test of every scenario and then the test of the
# execution environment, with the images and wheels that they need. It wants a Docker engine (with_docker.sh).
# Containers and networks are gone at the end, however it ends. That molecule finds no scenario "default" is right: it
# would be what shares hosts between scenarios, and none are shared.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/.venv/bin:$PATH
export ANSIBLE_HOME=$PWD/.ansible MOLECULE_COMMAND_BORDERS=0 LC_ALL=C.UTF-8

tests/images/build.sh bookworm lifeboat/debian12:systemd &
first=$!
tests/images/build.sh trixie lifeboat/debian13:systemd
wait "$first"
tests/tools/wheels.sh .cache/wheels

if [ $# -gt 0 ]; then
  exec molecule "$@"
fi
cleanup() {
  local left
  mapfile -t left < <(docker ps --all --quiet --filter label=owner=lifeboat.dr)
  [ ${#left[@]} = 0 ] || docker rm --force --volumes "${left[@]}" >/dev/null
  mapfile -t left < <(docker network ls --quiet --filter label=owner=lifeboat.dr)
  [ ${#left[@]} = 0 ] || docker network rm "${left[@]}" >/dev/null
}
trap cleanup EXIT

# Two at a time, as each waits for its hosts most of the time. What one says is shown when it has ended.
logs=$(mktemp -d)
trap 'cleanup; rm -rf "$logs"' EXIT
export logs
test_one() {
  local status=0 began=$SECONDS command=(molecule test --scenario-name "$1")
  [ "$1" != execution-environment ] || command=(python -m pytest -q tests/images)
  "${command[@]}" >"$logs/$1" 2>&1 </dev/null || status=$?
  flock "$logs" cat "$logs/$1"
  echo "--- molecule: $1 ended with $status after $((SECONDS - began)) s"
  [ "$status" = 0 ]
}
export -f test_one
scenarios=(molecule/*/molecule.yml)
mapfile -t scenarios < <(dirname "${scenarios[@]}" | xargs -n 1 basename)
printf '%s\n' "${scenarios[@]}" execution-environment | xargs -P 2 -I '{}' bash -c 'test_one "{}"'
