#!/usr/bin/env bash
# Makes a minimal Debian 13 (trixie) in a folder, from the mirror that this machine's apt uses and in the way it does.
# Usage: scripts/debian.sh FOLDER    (as root; what is in the folder is lost)
set -euo pipefail

folder=${1:?usage: scripts/debian.sh FOLDER}
fail() { echo "debian.sh: $1" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "only root can make a Debian in a folder"
case $folder in *.partial) ;; *) fail "the folder's name ends in .partial until it is done: $folder" ;; esac

if ! command -v debootstrap >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends debootstrap >/dev/null
fi
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/\?$') ||
  fail "apt on this machine has no Debian mirror (run apt-get update once)"

rm -rf "$folder"
debootstrap --variant=minbase --include=ca-certificates trixie "$folder" "$mirror" >"$folder.log" 2>&1 ||
  fail "$(tail -n 1 "$folder.log")"
rm "$folder.log"
cp -L /etc/resolv.conf /etc/hosts "$folder/etc/"
apt-config dump | grep -E '^Acquire::(http|https|Retries)' >"$folder/etc/apt/apt.conf.d/90host" || true
