"""Makes the SQL views that tools for reports read. They hold no rows, and the older release does not know them.

A later migration that changes a table under a view drops the views first: ``views.around()``.
"""

from django.db import migrations

from course_sync_plugin.migrations.views import MakeViews


class Migration(migrations.Migration):

    dependencies = [
        ('course_sync_plugin', '0019_pages'),
    ]

    operations = [
        MakeViews('first'),
    ]
