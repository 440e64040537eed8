"""Detection of assessments, and the strategy that writes them."""

from django.db.models import F

from course_sync_plugin.diff.handlers import COMPONENT, EntityHandler
from course_sync_plugin.targets.local.strategy import Strategy

ASSESSMENT = EntityHandler("assessment", rank=100, block_types={"problem"}, fields=COMPONENT.fields)


class AssessmentStrategy(Strategy):
    """Writes each assessment to one row."""

    tables = ("assessment_assessment",)

    def create(self, change):
        fields = change.entity.fields
        values = {
            "title": fields.get("display_name", ""),
            "points": fields.get("weight"),
            "attempts": fields.get("max_attempts"),
        }
        self._rows().update_or_create(digest=change.digest, defaults=values)

    def move(self, change):
        self._rows().filter(digest=change.digest).update(moves=F("moves") + 1)

    def delete(self, change):
        self._rows().filter(digest=change.digest).delete()

    @staticmethod
    def _rows():
        from assessment.models import Assessment  # an entry point may be loaded before Django's models

        return Assessment.objects
