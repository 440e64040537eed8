"""The text of a post on its way to another system: it keeps what it says, and names and calls nobody."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.targets.two_way.post_html import LONGEST, dressed, harmless, token_in

SITE = "https://forum.example.org"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<p>Bees &amp; <b>wasps</b></p>\n\n<p>fly</p>", "<p>Bees &amp; <b>wasps</b></p> <p>fly</p>"),
        ("plain\ntext", "plain text"),
        ("<ul>\n<li>one</li></ul>", "<ul> <li>one</li></ul>"),
        ("<pre><code>if x:\n    fly()\n</code></pre>", "<pre><code>if x:<br>    fly()<br></code></pre>"),
        ("<pre>a <b>b</b>\nc</pre>", "<pre>a <b>b</b><br>c</pre>"),
        ("hello @ann, mail bee@example.org", "hello @\u2060ann, mail bee@example.org"),
        ('<a class="mention" href="/u/ann">@ann</a>', "@\u2060ann"),
        ('<span class="mention" data-mention="7">@Ann</span>', "@\u2060Ann"),
        (f'<a href="{SITE}/u/ann/summary">her page</a>', "her page"),
        ('<a href="/t/5?u=ann">t</a>', f'<a href="{SITE}/t/5">t</a>'),
        ('<a href="https://o.example/?q=1#x">o</a>', '<a href="https://o.example/?q=1#x">o</a>'),
        ('<a href="javascript:alert(1)">x</a>', "x"),
        ('<a href="https://a:b@o.example/">x</a>', "x"),
        ('<a href="http://[">x</a>', "x"),
        ('<img src="/files/3?verifier=key" alt="a bee">', f'<a href="{SITE}/files/3">[image: a bee]</a>'),
        ('<img src="data:image/png;base64,AA">', "[image]"),
        ('<img class="avatar" src="/a.png">x', "x"),
        ('<img class="emoji" src="/e.png" alt=":bee:"> x', ":bee: x"),
        ('<a href="/big.png"><img src="/s.png" alt="b"></a>', f'<a href="{SITE}/big.png">[image: b]</a>'),
        ('<iframe src="https://video.example/1"></iframe>', '<a href="https://video.example/1">[media]</a>'),
        (
            '<aside class="quote"><div class="title"><img class="avatar" src="/a.png">ann:</div>'
            "<blockquote><p>said</p></blockquote></aside>",
            "<blockquote><p>said</p></blockquote>",
        ),
        (
            '<aside class="onebox" data-onebox-src="https://o.example/"><p>preview</p></aside>',
            '<a href="https://o.example/">https://o.example/</a>',
        ),
        ("<script>alert(1)</script><p onclick='x()' style='a' id='b'>x</p>", "<p>x</p>"),
        ("</div></div>x", "x"),
        ("<!-- note -->x\x00y", "xy"),
    ],
)
def test_what_becomes_of_a_text(text, found):
    assert harmless(text, SITE) == found


_PIECES = st.sampled_from(
    [*"<>&\"'\n\t @", "<p>", "</p>", "<div>", "</div>", "<pre>", "</pre>", "<a href='", "<img src='/x?k=1' alt='@ann'>"]
    + ["[quote]", "**", "@ann", "<script>", "</script>", "<a class='mention' href='/u/x'>", "</a>", "<!--", "]]>"]
)
_TEXTS = st.lists(_PIECES | st.text(max_size=5)).map("".join)


@given(_TEXTS)
def test_any_text_is_harmless_and_stays_as_it_is(text):
    found = harmless(text, SITE)
    assert "\n" not in found
    assert not re.search(r"(?<![\w.])@\w", re.sub("<[^>]*>", "", found))
    assert set(re.findall(r"<[^/][^>]* (\w[\w-]*)=", found)) <= {"href"}
    assert found.count("<div>") == found.count("</div>")
    assert not re.search("<(script|img|iframe|span|style)", found)
    assert harmless(found, SITE) == found


def test_a_text_that_is_too_long_is_cut():
    found = harmless("<p>" + "bees &amp; " * 9000, SITE)
    assert LONGEST - 200 < len(found) <= LONGEST
    assert found.endswith("[The text goes on where it was written.]</p>")
    assert harmless(found, SITE) == found


def test_the_mark_of_our_texts():
    text = dressed("abc1", "<p>x</p>", "Ann <b> wrote in Canvas:")
    assert text == '<div data-course-sync="abc1"><p><em>Ann &lt;b&gt; wrote in Canvas:</em></p><p>x</p></div>'
    assert token_in(text) == "abc1"
    assert dressed("abc1", "x", "") == '<div data-course-sync="abc1">x</div>'
    assert token_in(f"<p>I quote:</p>{text}") == ""
    assert token_in('<p data-course-sync="Abc1"><a href="x">a topic of the course</a></p>') == "Abc1"
