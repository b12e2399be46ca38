"""The page of the courts: GET lists them, POST adds the one that is named."""

from http import HTTPStatus

from django.http import HttpRequest, JsonResponse
from django.views import View

from courts.models import Court


class CourtsView(View):
    """`/api/courts/`."""

    def get(self, request: HttpRequest) -> JsonResponse:
        return JsonResponse({"courts": [court.name for court in Court.objects.all()]})

    def post(self, request: HttpRequest) -> JsonResponse:
        name = request.POST.get("name", "").strip()
        if not name:
            return JsonResponse({"error": "name is missing"}, status=HTTPStatus.BAD_REQUEST)
        court, is_new = Court.objects.get_or_create(name=name)
        return JsonResponse({"name": court.name}, status=HTTPStatus.CREATED if is_new else HTTPStatus.OK)
