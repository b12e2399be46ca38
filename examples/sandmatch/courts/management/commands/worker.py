"""The worker beside the web server: `python manage.py worker`."""

import signal
import sys
import time

from django.core.management.base import BaseCommand
from django.db import Error, connection

from courts.models import Court

INTERVAL = 10  # seconds


class Command(BaseCommand):
    """Counts the courts; a real one would take jobs from a queue."""

    help = "Counts the courts now and then."

    def handle(self, *args: object, **options: object) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the first process of a container dies of none by itself
        while True:
            self._count()
            time.sleep(INTERVAL)

    def _count(self) -> None:
        try:
            self.stdout.write(f"{Court.objects.count()} courts")
        except Error as error:
            connection.close()
            self.stderr.write(f"the database does not answer: {error}")
