#!/usr/bin/env bash
# Runs a built image where no Docker engine is: its web app, as its own user, until its own health check says yes.
# Usage: docker/try.sh [IMAGE]    (as root)
set -euo pipefail
image=${1:-pactmail}
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}

container=$(buildah from --pull-never "$image")
inside() { buildah run "$container" -- "$@"; }
stop() {
  inside sh -c 'if [ -e pid ]; then kill "$(cat pid)"; fi' || true
  wait
  buildah rm "$container" >/dev/null
}
trap stop EXIT

buildah config --env MAILER_PORT=$((20000 + RANDOM % 6000)) --env MAILER_HOST=127.0.0.1 \
  --env MAILER_METRICS_PORT=$((26000 + RANDOM % 6000)) --env MAILER_METRICS_HOST=127.0.0.1 "$container"
inside mailer migrate
inside sh -c 'echo $$ >pid; exec mailer web' &
web=$!

echo "runs as: $(inside id)"
check=$(buildah inspect --type image --format '{{index .Docker.Config.Healthcheck.Test 3}}' "$image")
for _ in $(seq 60); do
  if inside python3 -c "$check" 2>/dev/null; then
    echo "healthy: the web app answers"
    exit 0
  fi
  kill -0 "$web" || exit 1
  sleep 0.5
done
echo "try.sh: the web app did not become healthy" >&2
exit 1
