#!/bin/busybox sh
# Answers one request with 500, whatever it asks for.

end="$(printf '\r')"
while read -r line && [ "$line" != "$end" ]; do
    case "$line" in
        GET*) asked="$line" ;;
        User-Agent*) by="${line#*: }" ;;
    esac
done
if [ -n "$LOG_REQUESTS" ]; then echo "$VERSION was asked for $asked by ${by%%/*}" >/proc/1/fd/2; fi
printf 'HTTP/1.0 500 Broken\r\nContent-Length: 7\r\n\r\nbroken\n'
