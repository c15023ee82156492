#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# with_docker.sh COMMAND...: runs the command with a Docker engine. One that runs already is used; else one is started,
# as root, and stopped at the end, however the command ends.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
if ! docker info >/dev/null 2>&1; then
  if [ "$(id -u)" != 0 ]; then
    echo "No Docker engine answers. Start one and be in the group docker (systemctl start docker)," \
      "or run this as root, which starts one" >&2
    exit 1
  fi
  log=$(mktemp /var/tmp/dockerd.XXXXXX)
  setsid dockerd >"$log" 2>&1 </dev/null &
  engine=$!
  # shellcheck disable=SC2064  # the values of now
  trap "kill $engine 2>/dev/null; wait $engine 2>/dev/null; rm -f $log" EXIT
  trap 'exit 130' INT TERM
  for _ in $(seq 120); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.5
  done
  docker info >/dev/null 2>&1 || {
    tail -n 20 "$log" >&2
    echo "The Docker engine does not start; the lines above are its log." >&2
    exit 1
  }
fi
"$@"
