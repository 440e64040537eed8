"""Adds the head of the request to attempts. An older release leaves it NULL."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('course_sync_plugin', '0022_jobs'),
    ]

    operations = [
        migrations.AddField(
            model_name='attempt',
            name='request',
            field=models.TextField(blank=True, null=True),
        ),
    ]
