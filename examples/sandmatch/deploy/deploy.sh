#!/bin/sh
# ./deploy/deploy.sh             deploys $WEB_IMAGE:$WEB_IMAGE_TAG
# ./deploy/deploy.sh rollback    goes back to what served before; any other verb of deploykit goes the same way
set -eu
cd "$(dirname "$0")/.."
verb=${1:-run}
[ $# -eq 0 ] || shift
exec deploykit "$verb" sandmatch.toml "$@"
