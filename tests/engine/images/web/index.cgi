#!/bin/busybox sh
# What httpd runs for a folder without index.html: /api/health/ and /crash/ (it redirects /crash there).

if [ "$REQUEST_URI" = /crash/ ]; then
    kill -USR1 1
    printf 'Content-Type: text/plain\r\n\r\ncrashing\n'
    exit
fi

healthy='{"ok": true, "status": "healthy", "checks": {"django": true, "database": true, "frontend_assets": true}}'
sleep "${LATENCY:-0}"
printf 'Status: %s \r\nContent-Type: %s\r\n\r\n' "${STATUS:-200}" "${CONTENT_TYPE:-application/json}"
printf '%s\n' "${BODY:-$healthy}"
