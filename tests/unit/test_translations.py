"""The translations of the pages are complete, keep every placeholder, and are up to date with the texts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from gettext import translation
from pathlib import Path

import django
import pytest

from tests.unit.catalogues import LANGUAGES, LOCALE, Entry, compiled, placeholders, read, source

ROOT = LOCALE.parents[2]


def test_there_are_a_language_of_the_left_and_one_of_the_right():
    assert {"de", "ar"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(language):
    wanted = [entry.key for entry in read(source("en"))]
    header, *entries = read(source(language))
    assert [entry.key for entry in (header, *entries)] == wanted
    assert [entry.text for entry in entries if entry.is_fuzzy or not all(entry.forms)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_keeps_the_placeholders(language):
    wrong = [(entry.text, form) for entry in read(source(language))[1:] for form in entry.forms if breaks(entry, form)]
    assert wrong == []


def breaks(entry: Entry, form: str) -> bool:
    """Tell whether a form has other placeholders than the text, or has other spaces around it."""
    around = (form[:1] == " ", form[-1:] == " ") != (entry.text[:1] == " ", entry.text[-1:] == " ")
    return around or placeholders(form) != placeholders(entry.text)


def test_a_lost_placeholder_is_found():
    entry = Entry("", "{n} of %(of)s <bdi>%(name)s</bdi>", "", (), False)
    assert not breaks(entry, "%(of)s, <bdi>%(name)s</bdi>: {n}")
    assert breaks(entry, "%(of)s, <bdi>%(name)s</bdi>: {m}")
    assert breaks(entry, "%(of)s, <bdi>%(name)s: {n}")
    assert breaks(entry, "{n} of %(of)s <bdi>%(name)s</bdi> ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_plural_is_that_of_django(language):
    """Django puts the catalogues of all apps into one only if their plurals are the same."""
    django_itself = translation("django", Path(django.__file__).parent / "conf" / "locale", [language])
    ours = compiled(language)
    assert [ours.plural(n) for n in range(250)] == [django_itself.plural(n) for n in range(250)]
    assert ours.plural.__code__ == django_itself.plural.__code__
    numbers = {ours.plural(n) for n in range(250)}
    assert {len(entry.forms) for entry in read(source(language)) if entry.plural} == {len(numbers)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language):
    written = {
        key: form
        for entry in read(source(language))[1:]
        for key, form in zip(entry.compiled_keys, entry.forms, strict=True)
    }
    found = {key: form for key, form in compiled(language)._catalog.items() if key}
    assert {key: found.pop(key, None) for key in written} == written, "run `make compile_translations`"
    assert found == {}


def test_the_sources_have_every_text_of_the_pages(tmp_path):
    if shutil.which("xgettext") is None:
        reason = "xgettext was not found (Debian: apt-get install gettext)"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    package = tmp_path / "course_sync_plugin"
    shutil.copytree(ROOT / "course_sync_plugin", package, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    english = package / "conf" / "locale" / "en" / "LC_MESSAGES" / "django.po"
    english.parent.mkdir(parents=True)
    ignored = [word for pattern in not_on_pages() for word in ("--ignore", pattern)]
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "en", *ignored]
    without_settings = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(command, cwd=package, env=without_settings, check=True, capture_output=True)
    now, kept = ({entry.key for entry in read(path)[1:]} for path in (english, source("en")))
    assert now == kept, "run `make extract_translations`, translate, and run `make compile_translations`"


def not_on_pages() -> list[str]:
    """Return the files that the Makefile leaves out."""
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    return re.search(r"^NOT_ON_PAGES := (.+)$", text, re.MULTILINE)[1].split()


def test_every_file_that_is_left_out_is_there():
    assert [one for one in not_on_pages() if not list((ROOT / "course_sync_plugin").glob(one))] == []


def test_django_finds_the_catalogues_where_oep_58_puts_them():
    """OEP-58 looks for a folder ``conf/locale/en`` that is no link; Django looks for ``locale`` in an app."""
    found = ROOT / "course_sync_plugin" / "locale"
    assert os.readlink(found) == "conf/locale"
    assert found.resolve() == LOCALE.resolve()
    assert not (LOCALE / "en").is_symlink()
