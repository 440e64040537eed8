from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('published', '0002_drafts'),
    ]

    operations = [
        migrations.AddField(
            model_name='publishedcourse',
            name='html',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='draftcourse',
            name='html',
            field=models.JSONField(default=dict),
        ),
    ]
