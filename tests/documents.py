"""Texts that break renderers, and explanations to render."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whyword.explanation import Explanation
from whyword.text import Span

ADVERSARIAL = (
    "<b>bold?</b> a < b && c > d; &amp; &lt;i&gt; &#65; &nosuch;\n"
    "\tone tab\t\ttwo tabs   three spaces\n"
    "    indented by four\r\n"
    "\r\n"
    "\n"
    "family 👨‍👩‍👧‍👦 flag 🇺🇳 thumb 👍🏽 heart ❤️ end\n"
    "cafe\u0301 n\u0303 a\u0308\u0323 Z\u0351\u036b\u0343 combining\n"
    "עברית and العربية mixed, שלום! 123\n"
    "<script>window.injected = 1</script> </script><script>window.injected = 2</script>\n"
    "<!-- <script> --> ]]> <![CDATA[ <img src=x onerror='window.injected = 3'>\n"
    "{{ 7 * 7 }} {% x %} {# y #}\n"
    "\"double\" 'single' `back` \\back\\slash \\u003c %20 $(id)\n"
    "[bold]markup[/bold] [/x] [red on blue] \\[escaped] :smile: [link=https://example.org]l[/link]\n"
    "astral 𝓛𝓮𝓽𝓽𝓮𝓻𝓼 𠮷野家 line\u2028separator paragraph\u2029separator next\u00a0no-break\n"
    "zero\u200bwidth soft\u00adhyphen byte\ufefforder\n"
    "trailing spaces   \n"
    "  \n"
)
"""Everything that renderers garble; each must reproduce it character by character."""

HOSTILE = (
    "red \x1b[31m title \x1b]0;owned\x07 back\x08space over\rwrite nul \x00 c1 \x9b31m "
    "override \u202etxt.exe\u202c isolate \u2066x\u2069 delete \x7f lone \ud800 end"
)
"""Control characters: what would drive a terminal, and what HTML and UTF-8 cannot hold."""


def words_of(text: str) -> tuple[Span, ...]:
    """Spans of everything between white space."""
    spans, position = [], 0
    for word in text.split():
        start = text.index(word, position)
        position = start + len(word)
        spans.append(Span(start, position))
    return tuple(spans)


def explanation_of(
    text: str,
    *,
    spans: tuple[Span, ...] | None = None,
    classes: tuple[str, ...] = ("a", "b", "c"),
    relevance: Sequence[Sequence[float]] | NDArray[np.float64] | None = None,
    remainder: Mapping[str, NDArray[np.float64]] | None = None,
    seed: int = 0,
    **fields: Any,
) -> Explanation:
    """An explanation with random numbers, where words + remainder = score.

    Args:
        text: The text.
        spans: By default everything between white space.
        classes: All of them are targets.
        relevance: ``(class, word)``; by default random.
        remainder: Items ``(class,)``; by default one, "bias", random.
        seed: Of the random numbers.
        fields: Others of `Explanation`.
    """
    rng = np.random.default_rng(seed)
    spans = words_of(text) if spans is None else spans
    if relevance is None:
        relevance = rng.normal(size=(len(classes), len(spans))) ** 3
    words = np.asarray(relevance, dtype=float)
    if remainder is None:
        remainder = {"bias": rng.normal(size=len(classes)) / 10}
    scores = words.sum(axis=1) + sum(remainder.values(), np.zeros(len(classes)))
    return Explanation(
        **{
            "text": text,
            "spans": spans,
            "classes": classes,
            "scores": scores,
            "targets": classes,
            "target_scores": scores,
            "relevance": words,
            "remainder": remainder,
            "method": "lrp",
            "settings": {"epsilon": 0.01},
            **fields,
        }
    )
