"""A text with a number before a noun has a form for one: "1 lane" and "5 lanes"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_sync_plugin.management.subcommands import counts

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted([*(ROOT / "course_sync_plugin").rglob("*.py"), *(ROOT / "sandbox").rglob("*.py")])
TEMPLATES = sorted((ROOT / "course_sync_plugin" / "templates").rglob("*.html"))

#: Modules with such texts that only developers see, and texts whose number is always large.
EXCEPTIONS = {
    "course_sync_plugin/catalog/client/pages.py": "the number is the most runs that are read",
    "course_sync_plugin/lanes/long_backlog.py": "the texts are only in the log",
    "course_sync_plugin/upkeep/jobs/turn.py": "a job goes on until three processes have died",
}

#: What is counted, as it is called if there are several of it.
_SEVERAL = (
    "arguments|causes|changes|conflicts|copies|courses|days|deletions|differences|entities|envelopes|items|jobs|"
    "lanes|links|markers|mails|messages|notices|objects|operations|parts|posts|problems|processes|proposals|"
    "publishes|requests|rows|runs|steps|targets|units|values|versions"
)
#: What may stand between the number and the noun.
_BETWEEN = "course|e-|failed|held|known|linked|more|old|open|published|signed"
#: A placeholder; one in capitals is a constant, which is never 1.
_NUMBER = r"\{(?![A-Z_]+\})[^{}]*\}"
_NOUN = rf"{_NUMBER} (?:(?:{_BETWEEN}) ?){{0,2}}(?:{_SEVERAL})\b"
_VERB = r"^ *\{(?:n|count|number)\} (?:are|belong|go|have|wait|were)\b"
_COUNTED = re.compile(f"{_NOUN}|{_VERB}")
_PLURALS = {"ngettext", "ngettext_lazy"}
_BLOCK = re.compile(r"{% blocktranslate (?!count )(?:(?!%}).)*%}(.*?){% endblocktranslate %}", re.DOTALL)


def counted(node: ast.AST) -> Iterator[str]:
    """Yield the texts with a number before a noun that have no form for one."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in _PLURALS:
        return
    text = text_of(node)
    if text is None:
        for child in ast.iter_child_nodes(node):
            yield from counted(child)
    elif _COUNTED.search(text):
        yield text


def text_of(node: ast.AST) -> str | None:
    """Return a text with its placeholders; None for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(value) or f"{{{ast.unparse(value)}}}" for value in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{re.sub('[{}]', '', ast.unparse(node.value))}}}"
    return None


def counted_in(template: str) -> list[str]:
    """Return the same texts of a template."""
    texts = [re.sub(r"{{ (\w+) }}", r"{\1}", text) for text in _BLOCK.findall(template)]
    return [text for text in texts if _COUNTED.search(text)]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_text_with_a_number_has_a_form_for_one(path):
    found = list(counted(ast.parse(path.read_text("utf-8"))))
    assert bool(found) == (name_of(path) in EXCEPTIONS), found


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_text_of_a_template_has_a_form_for_one(path):
    assert counted_in(path.read_text("utf-8")) == []


def test_the_tests_find_what_has_no_form_for_one():
    code = """
_("{n} lanes wait"), f"{len(x)} failed operations", _("{n} of {of} entities"), _("  {n} belong to it")
ngettext("{n} lane", "{n} lanes", n), _("lanes: {n}"), f"at most {MOST} items", log("%s lanes", n)
    """
    assert list(counted(ast.parse(code))) == [
        "{n} lanes wait", "{len(x)} failed operations", "{n} of {of} entities", "  {n} belong to it",
    ]  # fmt: skip
    form = "{% blocktranslate count n=n %}{{ n }} lane{% plural %}{{ n }} lanes{% endblocktranslate %}"
    assert counted_in("{% blocktranslate with n=n %}{{ n }} lanes wait{% endblocktranslate %}" + form) == [
        "{n} lanes wait"
    ]


@pytest.mark.parametrize(
    ("count", "one", "several"),
    [
        (counts.lanes, "1 lane", "2 lanes"),
        (counts.operations, "1 operation", "2 operations"),
        (
            counts.not_delivered,
            "1 operation that is not delivered",
            "2 operations that are not delivered",
        ),
        (counts.parked, "1 operation is parked behind it", "2 operations are parked behind it"),
        (counts.entities, "1 entity", "2 entities"),
        (counts.envelopes, "1 envelope", "2 envelopes"),
        (counts.open_problems, "1 open problem", "2 open problems"),
        (counts.posts, "1 post", "2 posts"),
        (counts.notices, "1 notice", "2 notices"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_commands_count(count, one, several):
    assert (count(1), count(2)) == (one, several)
    assert count(0) == several.replace("2", "0")
