"""What the deploy asks before it calls a release good."""

import logging
from http import HTTPStatus

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

logger = logging.getLogger(__name__)


def health(request: HttpRequest) -> JsonResponse:
    """Tell how the app is. A missing frontend is told too, but does not make it unhealthy."""
    checks = {"django": True, "database": _database(), "frontend_assets": _frontend_assets()}
    ok = checks["django"] and checks["database"]
    answer = {"ok": ok, "status": "healthy" if ok else "unhealthy", "checks": checks}
    return JsonResponse(answer, status=HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        logger.exception("the database does not answer")
        return False
    return True


def _frontend_assets() -> bool:
    there = settings.FRONTEND_MANIFEST.exists()
    if not there:
        logger.warning("%s is missing", settings.FRONTEND_MANIFEST)
    return there
