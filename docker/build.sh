#!/usr/bin/env bash
# Builds the image where no Docker engine runs: with buildah, on a Debian made by debootstrap, as root.
# Usage: docker/build.sh [IMAGE]    (pactmail by default; the base is kept as localhost/debian-trixie)
set -euo pipefail
cd "$(dirname "$0")/.."
image=${1:-pactmail}
base=localhost/debian-trixie
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}

if ! command -v buildah >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends buildah >/dev/null
fi

if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  folder=.cache/docker-base.partial
  mkdir -p .cache
  scripts/debian.sh "$folder"
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$folder" / >/dev/null
  buildah commit --quiet --rm "$container" "$base" >/dev/null
  rm -rf "$folder"
fi

# How this machine's pip finds packages, and which certificates it believes, is handed to the build, not written into the
# image.
authorities=/etc/ssl/certs/ca-certificates.crt
pip_conf=$(mktemp)
trap 'rm -f "$pip_conf"' EXIT
{
  echo "[global]"
  echo "cert = /run/secrets/ca.crt"
  python3 -m pip config list | sed -nE "s/^(global|:env:)\.(index-url|trusted-host)='(.*)'$/\2 = \3/p"
} >"$pip_conf"

# The Docker format keeps the health check, which OCI's does not know.
buildah bud --format docker --build-arg "BASE=$base" --secret "id=pip.conf,src=$pip_conf" --secret "id=ca.crt,src=$authorities" \
  --ignorefile docker/Dockerfile.dockerignore -f docker/Dockerfile -t "$image" .
