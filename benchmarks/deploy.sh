#!/usr/bin/env bash
# The deploy script that deploykit replaces: save the tag that runs, pull, `up -d`, poll the health check, and go back
# to the saved tag when it never turns healthy. HTTP 200 is healthy.
#
#   WEB_IMAGE=... WEB_IMAGE_TAG=... HEALTH_URL=http://HOST:PORT/PATH deploy.sh [rollback]
set -euo pipefail

FILE="${FILE:-docker-compose.prod.yml}"
PREVIOUS_TAG_FILE="${PREVIOUS_TAG_FILE:-.previous_image_tag}"
MAX_ATTEMPTS="${MAX_ATTEMPTS:-30}"
SLEEP_SECS="${SLEEP_SECS:-2}"

log() { echo "[deploy] $*"; }

save_current() {
  local container image
  container="$(docker compose -f "$FILE" ps -q web)"
  [ -n "$container" ] || return 0
  image="$(docker inspect -f '{{.Config.Image}}' "$container")"
  echo "${image##*:}" >"$PREVIOUS_TAG_FILE"
  log "Saved current version for rollback: ${image##*:}"
}

start() {
  docker pull -q "$WEB_IMAGE:$WEB_IMAGE_TAG" >/dev/null
  log "Starting containers..."
  docker compose -f "$FILE" up -d
}

# What `curl -f -m 5` does, by bash alone: a bare Debian has no curl.
answers_200() {
  local where="${HEALTH_URL#http://}"
  timeout 5 bash -c '
    exec 3<>"/dev/tcp/${0%:*}/${0#*:}"
    printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$1" "$0" >&3
    read -r _ status _ <&3 && [ "$status" = 200 ]
  ' "${where%%/*}" "/${where#*/}" 2>/dev/null
}

healthy() {
  local attempt
  log "Smoke check..."
  for ((attempt = 1; attempt <= MAX_ATTEMPTS; attempt++)); do
    if answers_200; then return 0; fi
    sleep "$SLEEP_SECS"
  done
  log "ERROR: Health check failed after $((MAX_ATTEMPTS * SLEEP_SECS))s"
  return 1
}

rollback() {
  log "ROLLBACK: Starting rollback to previous version..."
  WEB_IMAGE_TAG="$(cat "$PREVIOUS_TAG_FILE")"
  export WEB_IMAGE_TAG
  log "Rolling back to: $WEB_IMAGE:$WEB_IMAGE_TAG"
  start
  healthy
  log "Rollback completed successfully"
}

if [ "${1:-}" = rollback ]; then
  rollback
  exit
fi

log "Using image: $WEB_IMAGE:$WEB_IMAGE_TAG"
save_current
start
if healthy; then
  log "Deploy completed successfully"
  exit
fi
if [ -f "$PREVIOUS_TAG_FILE" ]; then
  log "Auto-rollback triggered due to health check failure"
  rollback
fi
exit 1
