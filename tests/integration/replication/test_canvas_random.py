"""Authors and teachers edit at random: what is ours becomes the course, and what is foreign keeps its order."""

from __future__ import annotations

import random

import pytest

from course_sync_plugin.testing.canvas.objects import living
from tests.integration.replication.canvas_course import Author, check_equal, deliver
from tests.integration.replication.canvas_tree import items_of

pytestmark = pytest.mark.django_db

FOREIGN = "Foreign"


def edit(author: Author, dice: random.Random, new: int) -> None:
    """Move, rename, add or delete something."""
    depth = dice.choice([1, 2, 2, 3, 3, 3])
    layers = [["course"]]
    for _ in range(3):
        layers.append([child for name in layers[-1] for child in author.children.get(name, [])])
    parent = dice.choice(layers[depth - 1] or ["course"])
    depth = depth if layers[depth - 1] else 1
    action = dice.choice(["move", "move", "move", "add", "remove", "rename"])
    if action == "add" or not layers[depth]:
        below = author.children.setdefault(parent, [])
        below.insert(dice.randint(0, len(below)), f"new{new}")
        return
    name = dice.choice(layers[depth])
    if action == "move":
        siblings = [one for one in author.children.get(parent, []) if one != name]
        author.move(name, parent, dice.randint(0, len(siblings)))
    elif action == "remove":
        author.remove(name)
    else:
        author.set(name, display_name=f"renamed {new}", graded=dice.random() < 0.3)


def disturb(canvas, there, dice: random.Random, number: int) -> None:
    """Add a foreign item, or a foreign module, anywhere."""
    modules = living(there.modules.values())
    if dice.random() < 0.3 or not modules:
        module = canvas.teacher.add_module(there.id, f"{FOREIGN} {number}")
        canvas.teacher.move_module(there.id, module["id"], dice.randint(1, len(modules) + 1))
        return
    module = dice.choice(modules)
    count = len(there.module_items(module.id))
    item = {"type": "SubHeader", "title": f"{FOREIGN} {number}", "position": dice.randint(1, count + 1)}
    canvas.teacher.add_item(there.id, module.id, **item)


def order_of_foreign(there) -> dict[int, list[str]]:
    """Return the titles of foreign items in their order, by module."""
    titles = {module.id: [one.title for one in items_of(there, module)] for module in living(there.modules.values())}
    return {module: [one for one in found if one.startswith(FOREIGN)] for module, found in titles.items()}


def without_foreign(there) -> None:
    """Take the foreign objects away, so that what is left is ours."""
    for row in [*there.items.values(), *there.modules.values()]:
        name = getattr(row, "title", None) or getattr(row, "name", "")
        if name.startswith(FOREIGN):
            row.state = "deleted"


@pytest.mark.parametrize("seed", range(12))
def test_random_edits(canvas, there, author, canvas_link, seed):
    dice = random.Random(seed)
    deliver()
    for number in range(6):
        if number < 5:
            disturb(canvas, there, dice, number)
        before = order_of_foreign(there)
        kept = {module.id for module in living(there.modules.values())}
        for at in range(dice.randint(1, 4)):
            edit(author, dice, 10 * number + at)
        structure = author.publish()
        deliver()
        now = order_of_foreign(there)
        assert {module: now.get(module) for module, titles in before.items() if titles} == {
            module: titles for module, titles in before.items() if titles
        }
        assert {one for one in kept if there.modules[one].name.startswith(FOREIGN)} <= now.keys()
    without_foreign(there)
    left = [one for one in living(there.modules.values()) if not items_of(there, one) and one.name not in names(author)]
    for module in left:  # its section was deleted, but a foreign item was in it
        module.state = "deleted"
    check_equal(there, structure)


def names(author: Author) -> set[str]:
    return {author.fields.get(name, {}).get("display_name", name) for name in author.children["course"]}
