#!/usr/bin/env bash
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# build.sh SUITE TAG   for instance: build.sh trixie lifeboat/debian13:systemd
# Makes a Docker image that boots systemd, from Debian's packages alone: no registry of images is asked. The mirror is
# the one that this machine's own apt is set up for; MIRROR and SECURITY_MIRROR say otherwise. Making one takes root and
# two minutes; the result is kept in ~/.cache/lifeboat-dr for 30 days, and an image that is loaded already is left
# alone.
set -euo pipefail
suite=${1:?a Debian suite} tag=${2:?a tag for the image}
PATH=$PATH:/usr/sbin:/sbin

# What the scenarios install is in the image's apt cache, not installed: an installation there is a real one, without
# the download. The lists are of the same moment, so that no host has to ask the mirror for anything.
downloads=(acl age bind9 bind9-dnsutils cron gnupg msmtp-mta openssh-client openssh-server pgbackrest postgresql
  prometheus prometheus-alertmanager prometheus-node-exporter python3-aiosmtpd python3-packaging python3-psycopg2
  python3-venv redis-server restic zstd)
# Units that make no sense in a container.
masked=(getty@tty1.service console-getty.service systemd-logind.service systemd-udevd.service
  systemd-udev-trigger.service sys-kernel-debug.mount sys-kernel-tracing.mount apt-daily.timer apt-daily-upgrade.timer
  dpkg-db-backup.timer e2scrub_all.timer fstrim.timer)

recipe=$(sha256sum <"$0" | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lifeboat-dr
tarball=$cache/$suite-$(dpkg --print-architecture)-$recipe.tar.zst

there=$(docker image inspect -f '{{index .Config.Labels "lifeboat.recipe"}}' "$tag" 2>/dev/null || true)
[ "$there" != "$recipe" ] || exit 0
mkdir -p "$cache"
find "$cache" -maxdepth 1 -name "$suite-*" -type f \( -mtime +30 -o ! -name "$(basename "$tarball")" \) -delete

# The addresses of this machine's Debian archive, with security updates or without.
archive() {
  local release
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v a="$release$1" -v b="stable$1" \
      '($1 == a || $1 == b) && $2 == "main" && !found {sub("/$", "", $3); print $3; found = 1}'
}

bootstrap() {
  local root=$1 mirror security
  mirror=${MIRROR:-$(archive '')}
  security=${SECURITY_MIRROR:-$(archive -security)}
  if [ -z "$mirror" ]; then
    echo "The apt sources of this machine name no Debian archive; give its address in MIRROR" >&2
    return 1
  fi
  debootstrap --variant=minbase --include=systemd-sysv,dbus,python3,python3-apt,ca-certificates,iproute2,procps,sudo \
    "$suite" "$root" "$mirror"
  {
    echo "deb $mirror $suite main"
    echo "deb $mirror $suite-updates main"
    [ -z "$security" ] || echo "deb $security $suite-security main"
  } >"$root/etc/apt/sources.list"
  printf 'APT::Install-Recommends "0";\nAcquire::Languages "none";\n' >"$root/etc/apt/apt.conf.d/90container"
  chroot "$root" apt-get -q update
  # What nobody reads in a container is not unpacked, and nothing waits for the disk.
  printf 'path-exclude=%s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' \
    >"$root/etc/dpkg/dpkg.cfg.d/container"
  echo force-unsafe-io >>"$root/etc/dpkg/dpkg.cfg.d/container"
  rm -f "$root"/var/cache/apt/archives/*.deb
  chroot "$root" apt-get -q install -y --download-only "${downloads[@]}"
  rm -rf "$root"/var/log/*.log
  : >"$root/etc/machine-id" # else all containers are the same machine
  rm -f "$root/var/lib/dbus/machine-id"
  for unit in "${masked[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
}

if [ ! -e "$tarball" ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "The image $tag is made with debootstrap, which needs root: run $0 $suite $tag as root" >&2
    exit 1
  fi
  work=$(mktemp -d /var/tmp/lifeboat-image.XXXXXX)
  # shellcheck disable=SC2064  # the value of now
  trap "rm -rf '$work' '$tarball.$$'" EXIT
  echo "Making $tag from Debian's packages (about two minutes, once)"
  bootstrap "$work/root" >"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    echo "Could not make $tag; the lines above are the log" >&2
    exit 1
  }
  tar -C "$work/root" --numeric-owner -c . | zstd -q -T0 -3 -o "$tarball.$$"
  mv "$tarball.$$" "$tarball"
fi
older=$(docker image inspect -f '{{.Id}}' "$tag" 2>/dev/null || true)
zstd -dcq "$tarball" | docker import --change 'ENV container=docker LC_ALL=C.UTF-8' \
  --change 'CMD ["/lib/systemd/systemd"]' \
  --change "LABEL lifeboat.recipe=$recipe" - "$tag" >/dev/null
[ -z "$older" ] || docker rmi "$older" >/dev/null 2>&1 || true # a container may still use it
echo "Image $tag is ready"
