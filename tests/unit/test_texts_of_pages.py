"""Every text of a page goes through gettext: what stands in templates and scripts, and sentences in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from lxml import html

from course_sync_plugin.upkeep.words import WORDS
from tests.unit.catalogues import LOCALE

PACKAGE = LOCALE.parents[1]
#: Those of Django. A template of Mako gets its texts from the code (course_sync_plugin/host_pages).
TEMPLATES = sorted(set((PACKAGE / "templates").rglob("*.html")) - set((PACKAGE / "templates" / "mako").rglob("*")))
SCRIPTS = sorted((PACKAGE / "static").rglob("*.js"))

#: The folders and modules whose sentences pages show.
SPEAKING = ("admin", "dashboard", "roles", "row_actions", "templatetags", "upkeep/reports", "upkeep/status")
MODULES = [path for name in SPEAKING for path in sorted((PACKAGE / name).rglob("*.py"))]
MODULES += [PACKAGE / "upkeep" / name for name in ("advice.py", "decisions.py", "exclusions.py", "filters.py")]

#: Attributes that people see or hear.
ATTRIBUTES = ("alt", "aria-description", "aria-label", "placeholder", "title", "summary")

#: Names, which are the same in every language.
NAMES = {"CSV", "HTTP"}

TRANSLATES = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}

_BLOCK = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}|{% comment.*?{% endcomment %}", re.DOTALL)
_TAG = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]{2,}")
_ELEMENT = re.compile(r"<[^>]*>")
_SENTENCE = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")


def untranslated(template: str) -> list[str]:
    """Return the words of a template that do not go through gettext."""
    bare = _TAG.sub(" ", _BLOCK.sub(" ", template))
    root = html.fromstring(f"<div>{bare}</div>")
    texts = root.xpath("//text()[not(ancestor::script)]")
    texts += [one for name in ATTRIBUTES for one in root.xpath(f"//@{name}")]
    texts += root.xpath("//input[@type='submit' or @type='button']/@value")
    return [word for text in texts for word in _WORD.findall(text) if word not in NAMES]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_text_of_its_own(path):
    assert untranslated(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_shows_no_text(path):
    shows = r"innerHTML|innerText|textContent|insertAdjacent|alert\(|confirm\(|\.title\b"
    assert re.findall(shows, path.read_text("utf-8")) == []


def sentences(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of two words or more that are no docstrings and do not go through gettext."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Call) and is_settled(ast.unparse(node.func)):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node.value] if _SENTENCE.search(_ELEMENT.sub("", node.value)) else []
        yield from sentences(node)


def is_settled(function: str) -> bool:
    """Tell whether the texts that a function gets are translated, or are not for people who read pages."""
    return function.rpartition(".")[2] in TRANSLATES or function.startswith("_logger.")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_sentence_goes_through_gettext(path):
    assert set(sentences(ast.parse(path.read_text("utf-8")))) - WORDS.keys() == set()


def test_the_tests_find_what_is_not_translated():
    assert untranslated("<p>Some text {% translate 'None' %}{{ value }}</p>") == ["Some", "text"]
    assert untranslated('<a title="Some {{ name }}">{% blocktranslate %}None{% endblocktranslate %}</a>') == ["Some"]
    assert list(sentences(ast.parse('"A docstring."\nx = f"not {x} right, too"\n_("is translated")'))) == [
        " right, too"
    ]
