"""The table of assessments."""

from django.db import models


class Assessment(models.Model):
    """A problem that learners are assessed with."""

    digest = models.CharField(max_length=64, primary_key=True)
    title = models.CharField(max_length=255)
    points = models.FloatField(null=True)
    attempts = models.IntegerField(null=True)
    moves = models.IntegerField(default=0)

    def __str__(self):
        return self.title
