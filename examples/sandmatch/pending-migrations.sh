#!/bin/sh
# A line of `deploykit check`: how many migrations of the new image the database does not have yet.
set -eu
[ -n "${DEPLOYKIT_TAG:-}" ] || { echo "no tag was named, so no migrations are looked for"; exit 0; }
export WEB_IMAGE="$DEPLOYKIT_IMAGE" WEB_IMAGE_TAG="$DEPLOYKIT_TAG"
plan=$(docker compose -f docker-compose.prod.yml run --rm --no-deps -T web python manage.py showmigrations --plan)
pending=$(printf '%s\n' "$plan" | grep -c '^\[ \]') || true
echo "pending migrations: $pending (a rollback does not undo them)"
