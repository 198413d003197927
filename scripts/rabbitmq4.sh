#!/usr/bin/env bash
# Makes a Debian 13 (trixie) with RabbitMQ 4 in a folder, for tests against a RabbitMQ newer than the machine's own.
# Usage: scripts/rabbitmq4.sh FOLDER    (as root; a folder that is there already is left as it is)
set -euo pipefail

folder=${1:?usage: scripts/rabbitmq4.sh FOLDER}
[ -e "$folder" ] && exit 0
here=$(dirname "$0")
partial=$folder.partial
log=$folder.log

mkdir -p "$(dirname "$folder")"
"$here/debian.sh" "$partial"
cat >"$partial/usr/sbin/policy-rc.d" <<'POLICY'
#!/bin/sh
exit 101
POLICY
chmod +x "$partial/usr/sbin/policy-rc.d"  # no service is started in there
chroot "$partial" env DEBIAN_FRONTEND=noninteractive sh -c \
  'apt-get update -qq && apt-get install -qqy --no-install-recommends rabbitmq-server && apt-get clean' >"$log" 2>&1 ||
  { tail -n 5 "$log" >&2; exit 1; }
mv "$partial" "$folder"
