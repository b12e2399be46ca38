#!/usr/bin/env bash
# Rolling by hand: twice as many containers, wait for the new ones' health check, drain and remove the old ones; when
# they do not turn healthy in time, remove the new ones.
#
#   WEB_IMAGE=... WEB_IMAGE_TAG=... rollout.sh
set -euo pipefail

FILE="${FILE:-docker-compose.prod.yml}"
TIMEOUT="${TIMEOUT:-60}"
DRAIN="${DRAIN:-0}"

compose() { docker compose -f "$FILE" "$@"; }

all_healthy() {
  local one
  for one in "$@"; do
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$one")" = healthy ] || return 1
  done
}

remove() {
  docker stop "$@" >/dev/null
  docker rm "$@" >/dev/null
}

compose pull -q
mapfile -t old < <(compose ps -q web)
if [ "${#old[@]}" -eq 0 ]; then
  compose up -d --wait
  exit
fi

compose up -d --no-deps --no-recreate --scale web="$((${#old[@]} * 2))" web
mapfile -t new < <(compose ps -aq web | grep -vFf <(printf '%s\n' "${old[@]}"))
for ((second = 0; second < TIMEOUT; second++)); do
  if all_healthy "${new[@]}"; then
    for one in "${old[@]}"; do docker exec "$one" /bin/busybox touch /draining; done
    sleep "$DRAIN"
    remove "${old[@]}"
    exit
  fi
  sleep 1
done
remove "${new[@]}"
exit 1
