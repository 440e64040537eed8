"""Publishes, delivers and prints, on a site where the package ``assessment`` is installed. A process of a test."""

import json

import django

django.setup()

from assessment.models import Assessment  # noqa: E402
from django.core.management import call_command  # noqa: E402

from course_sync_plugin import api  # noqa: E402
from course_sync_plugin.models import LocalComponent, LocalEntity  # noqa: E402
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder  # noqa: E402
from sandbox.published.publishing import publish_structure  # noqa: E402

COURSE = "course-v1:Org+Course+Run"


def publish(version, *problems):
    """Publish a course of one unit, with a text and these problems: name, title, points."""
    texts = [("text", "html", {"display_name": "Text"})]
    below = texts + [(name, "problem", {"display_name": title, "weight": points}) for name, title, points in problems]
    keys = {name: f"block-v1:Org+Course+Run+type@{kind}+block@{name}" for name, kind, _fields in below}
    blocks = {keys[name]: RawBlock(keys[name], kind, fields, ()) for name, kind, fields in below}
    above = tuple(keys.values())
    for kind in ("vertical", "sequential", "chapter"):
        key = f"block-v1:Org+Course+Run+type@{kind}+block@{kind}"
        blocks[key] = RawBlock(key, kind, {}, above)
        above = (key,)
    blocks[COURSE] = RawBlock(COURSE, "course", {}, above)
    publish_structure(StructureBuilder(COURSE, version, blocks).build())
    api.sync_course(COURSE)
    api.deliver_until_empty()
    rows = list(Assessment.objects.order_by("title").values_list("title", "points", "moves"))
    return {"rows": rows, "components": LocalComponent.objects.count(), "entities": LocalEntity.objects.count()}


call_command("migrate", run_syncdb=True, verbosity=0)
api.add_target("here", backend="local")
steps = [
    publish("v1", ("a", "A", 1.0), ("b", "B", 2.0)),
    publish("v2", ("b", "B", 2.0), ("a", "A", 5.0)),
    publish("v3", ("b", "B, renamed", 2.0)),
]
print(json.dumps({"steps": steps, "test": api.test_target("here").explanation, "problems": len(api.problems())}))
