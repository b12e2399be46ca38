#!/usr/bin/env bash
# Plain Docker by hand: pull, stop, remove, run, and ask until the app answers.
#
#   WEB_IMAGE=... WEB_IMAGE_TAG=... NAME=... PORT=... redeploy.sh
set -euo pipefail

answers_200() {
  timeout 5 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$0"
    printf "GET /api/health/ HTTP/1.0\r\nHost: localhost\r\n\r\n" >&3
    read -r _ status _ <&3 && [ "$status" = 200 ]
  ' "$PORT" 2>/dev/null
}

docker pull -q "$WEB_IMAGE:$WEB_IMAGE_TAG"
if docker container inspect "$NAME" >/dev/null 2>&1; then
  docker stop "$NAME"
  docker rm "$NAME"
fi
docker run -d --name "$NAME" --restart unless-stopped -p "127.0.0.1:$PORT:8000" "$WEB_IMAGE:$WEB_IMAGE_TAG"
for ((attempt = 0; attempt < 100; attempt++)); do
  if answers_200; then exit; fi
  sleep 0.1
done
exit 1
