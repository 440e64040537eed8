"""The HTML that Canvas keeps.

Source: canvas-lms, gems/canvas_sanitize/lib/canvas_sanitize/canvas_sanitize.rb, the version with MathML. Missing here:
the attributes of the MathML elements. That links may also begin with tel and skype is in the spec of the gem.
"""

from __future__ import annotations

import re

ELEMENTS = frozenset(
    "a b blockquote br caption cite code col hr h1 h2 h3 h4 h5 h6 h7 h8 del ins iframe font colgroup dd div dl dt em "
    "figure figcaption i img li ol p pre q small source span strike strong sub sup table tbody td tfoot th thead tr u "
    "ul object embed param video track audio "
    "annotation annotation-xml maction maligngroup malignmark math menclose merror mfenced mfrac mglyph mi mlabeledtr "
    "mlongdiv mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mscarries mscarry msgroup msline "
    "mspace msqrt msrow mstack mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none semantics".split()
)

#: Elements that go with their content, if they are not allowed (rgrove/sanitize 6, README, ``:remove_contents``).
REMOVED_WITH_CONTENT = frozenset("iframe math noembed noframes noscript plaintext script style svg xmp".split())

#: Elements that leave a space before and behind them when they go (rgrove/sanitize, config/default.rb).
LEAVE_SPACE = frozenset("address article aside footer header hgroup nav section".split())

#: Names of attributes for data of one's own (rgrove/sanitize, transformers/clean_element.rb).
DATA_ATTRIBUTE = re.compile(r"data-(?!xml)[a-z_][\w.à-öø-ſǝ-ʯ-]*")

EVERYWHERE = frozenset(
    "style class id title role lang dir aria-labelledby aria-atomic aria-busy aria-controls aria-describedby "
    "aria-disabled aria-dropeffect aria-flowto aria-grabbed aria-haspopup aria-hidden aria-invalid aria-label "
    "aria-live aria-owns aria-relevant aria-autocomplete aria-checked aria-expanded aria-level aria-multiline "
    "aria-multiselectable aria-orientation aria-pressed aria-readonly aria-required aria-selected aria-sort "
    "aria-valuemax aria-valuemin aria-valuenow aria-valuetext".split()
)

_CELL = "abbr axis colspan rowspan width align valign dir"

ATTRIBUTES = {
    element: frozenset(names.split())
    for element, names in {
        "a": "href target name",
        "blockquote": "cite",
        "col": "span width",
        "colgroup": "span width",
        "img": "align alt height src width",
        "iframe": "src width height name align frameborder scrolling sandbox allowfullscreen webkitallowfullscreen "
        "mozallowfullscreen",
        "ol": "start type",
        "q": "cite",
        "table": "summary width border cellpadding cellspacing center frame rules",
        "tr": "align valign dir",
        "td": _CELL,
        "th": f"{_CELL} scope",
        "ul": "type",
        "param": "name value",
        "object": "width height style data type classid codebase",
        "source": "src type",
        "embed": "name src type allowfullscreen pluginspage wmode allowscriptaccess width height",
        "video": "name src allowfullscreen muted poster width height controls",
        "track": "default kind label src srclang",
        "audio": "name src muted",
        "font": "face color size",
    }.items()
}

_WEB = frozenset({"http", "https"})

#: The schemes that an attribute may have. A relative address is always allowed.
SCHEMES = {
    ("a", "href"): _WEB | {"ftp", "mailto", "tel", "skype"},
    ("blockquote", "cite"): _WEB,
    ("img", "src"): _WEB,
    ("q", "cite"): _WEB,
    ("object", "data"): _WEB,
    ("embed", "src"): _WEB,
    ("iframe", "src"): _WEB,
}

STYLE_SCHEMES = _WEB
STYLE_FUNCTIONS = frozenset({"url"})

_PROPERTIES = (
    "background border clear color cursor direction display float font height left line-height list-style margin "
    "max-height max-width min-height min-width overflow overflow-x overflow-y padding position right text-align "
    "table-layout text-decoration text-indent top vertical-align visibility white-space width z-index zoom"
).split()

STYLE_PROPERTY = re.compile(
    "|".join([
        *map(re.escape, _PROPERTIES),
        "background-(?:attachment|color|image|position|repeat|position-[xy])",
        "border-(?:bottom|collapse|color|left|right|spacing|style|top|width)",
        "border-(?:bottom|left|right|top)-(?:color|style|width)",
        "font-(?:family|size|stretch|style|variant|weight)",
        "list-style-(?:image|position|type)",
        "margin-(?:bottom|left|right|top|offset)",
        "padding-(?:bottom|left|right|top)",
    ])
)  # fmt: skip
