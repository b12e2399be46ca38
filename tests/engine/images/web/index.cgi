#!/bin/busybox sh
# What httpd runs for a folder without index.html: /api/health/ and /crash/ (it redirects /crash there).

if [ "$REQUEST_URI" = /crash/ ]; then
    printf 'Content-Type: text/plain\r\n\r\ncrashing\n'
    exec >/dev/null 2>&1 # httpd sends the answer now
    sleep 0.1
    kill -USR1 1
    exit
fi

if [ -n "$LOG_REQUESTS" ]; then echo "$VERSION was asked for $REQUEST_URI by ${HTTP_USER_AGENT%%/*}" >/proc/1/fd/2; fi
if [ -e /draining ]; then STATUS=503; fi

healthy='{"ok": true, "status": "healthy", "checks": {"django": true, "database": true, "frontend_assets": true}}'
sleep "${LATENCY:-0}"
printf 'Status: %s \r\nContent-Type: %s\r\n\r\n' "${STATUS:-200}" "${CONTENT_TYPE:-application/json}"
printf '%s\n' "${BODY:-$healthy}"
