#!/bin/busybox sh
# PID 1 of the test web app. What the environment can say:
#   VERSION      what /version answers
#   STATUS, BODY, CONTENT_TYPE, LATENCY   what /api/health/ answers (see index.cgi)
#   START_DELAY  seconds before it listens
#   EXIT_AFTER   seconds until it exits by itself with EXIT_CODE (1), saying "ImportError: courts"
#   EAT_MEMORY   megabytes that it fills in place of that exit: more than its limit brings the OOM killer
#   BROKEN       any text: 500 is the answer on every path
#   LOG_REQUESTS any text: it writes who asked for /api/health/ (or, when broken, for anything)
#   IGNORE_TERM  any text: SIGTERM does nothing
# While the file /draining is there, /api/health/ answers 503.
# SIGUSR1 (sent by /crash) makes it exit with code 3. With arguments it runs them instead: a release command.

if [ $# -gt 0 ]; then exec "$@"; fi

if [ -n "$IGNORE_TERM" ]; then trap '' TERM; else trap 'exit 0' TERM; fi
trap 'exit 3' USR1

end() {
    # Many times over: while the killer is busy elsewhere, a read can end short in place of being killed.
    if [ -n "$EAT_MEMORY" ]; then exec dd if=/dev/zero of=/dev/null bs="${EAT_MEMORY}M" count=1000; fi
    echo "ImportError: courts" >&2
    exit "${EXIT_CODE:-1}"
}

if [ -n "$EAT_MEMORY" ]; then EXIT_AFTER="${EXIT_AFTER:-0}"; fi
if [ "$EXIT_AFTER" = 0 ]; then end; fi

mkdir -p /www/api/health /www/crash
printf '%s\n' "$VERSION" >/www/version
serve() {
    if [ -z "$BROKEN" ]; then exec httpd -f -p 8000 -h /www; fi
    exec nc -ll -p 8000 -e /broken.sh
}
(sleep "${START_DELAY:-0}" && serve) &
echo "version $VERSION started" >&2

if [ -n "$EXIT_AFTER" ]; then
    sleep "$EXIT_AFTER" &
    wait $!
    end
fi
wait
