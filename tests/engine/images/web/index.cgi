#!/bin/busybox sh
# What httpd runs for a folder without index.html: /api/health/ and /crash/.

if [ "$REQUEST_URI" = /crash/ ]; then
    kill -USR1 1
    printf 'Content-Type: text/plain\r\n\r\ncrashing\n'
    exit
fi

sleep "${LATENCY:-0}"
printf 'Status: %s X\r\nContent-Type: %s\r\n\r\n' "${STATUS:-200}" "${CONTENT_TYPE:-application/json}"
printf '%s\n' "${BODY-{\"ok\": true\}}"
