"""The pages."""

from courts.views import CourtsView
from django.urls import path

from sandmatch.health import health

urlpatterns = [path("api/health/", health), path("api/courts/", CourtsView.as_view())]
