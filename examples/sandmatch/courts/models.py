"""What is kept in the database."""

from typing import ClassVar

from django.db import models


class Court(models.Model):
    """A court that can be booked."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=100, unique=True)

    class Meta:
        """Django's own settings of the table."""

        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
