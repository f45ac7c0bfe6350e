"""The paper's preprocessing as NLTK gives it, sentence by sentence: what `Tokenizer` must equal.

This is how whyword found words before `whyword.text.words`; it is kept as it was. And texts to
compare the two on.
"""

import random
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice

from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

_QUOTE = re.compile(r"\"|``|''")
_APOSTROPHES = {0x2018: "'", 0x2019: "'", 0x02BC: "'"}
_LETTER = re.compile(r"[^\W\d_]")
_PIECE = 50_000

Ranges = tuple[tuple[int, int], ...]


def tokens(text: str, most: int | None = None, start: int = 0) -> tuple[Ranges, bool]:
    """Spans of the first ``most`` tokens of ``text[start:]``, and whether there are more."""
    found = _kept_spans(text, start)
    kept = tuple(islice(found, most))
    return kept, next(found, None) is not None


def _kept_spans(text: str, offset: int) -> Iterator[tuple[int, int]]:
    sentences, words = _nltk()
    for piece_start, piece in _pieces(text, offset):
        for first, last in sentences.span_tokenize(piece):
            start, end = piece_start + first, piece_start + last
            sentence = text[start:end].translate(_APOSTROPHES)
            if not _LETTER.search(sentence):
                continue
            position = 0
            for token in words.tokenize(sentence):
                if token in ("``", "''"):
                    quote = _QUOTE.search(sentence, position)
                    position = quote.end() if quote else position
                    continue
                found = sentence.find(token, position)
                if found < 0:
                    continue
                position = found + len(token)
                if _is_kept(token):
                    yield start + found, start + position


def _pieces(text: str, start: int) -> Iterator[tuple[int, str]]:
    while start < len(text):
        stop = start + _PIECE
        if stop < len(text):
            cut = max(text.rfind(space, start, stop) for space in " \n\t")
            stop = cut + 1 if cut > start else stop
        yield start, text[start:stop].translate(_APOSTROPHES)
        start = stop


def _is_kept(token: str) -> bool:
    if token.isalpha():
        return True
    return any(c.isalpha() for c in token) and all(
        c.isalpha() or c in "'.-" or unicodedata.category(c)[0] == "M" for c in token
    )


@cache
def _nltk() -> tuple[PunktSentenceTokenizer, NLTKWordTokenizer]:
    return PunktSentenceTokenizer(), NLTKWordTokenizer()


WORDS = """
a I J. R Go he The word Mr. U.S. U.S.A. e.g. i.e. etc. x86 3rd 5. 1,000 10:30 3.14 -5 x_y _ _.
don't can't it's I'm we've they'll he'd 'tis 'twas 'em rock'n'roll d'ye more'n y'all dogs'
o'clock cannot gonna gotta gimme lemme wanna Cannot GIMME can-not whatcha can't've n't 's s's'
x's' ##number## e-mail well-known -- --- ---- foo--bar foo---bar -x x- . .. ... .... . . . x...
...x http://a.org/b?c=d&e=f#g mailto:j.doe@x.org <a@b.c> <b>bold</b> &amp; $5 100% A&B *bold*
#tag @me naïve café Größe cafe\u0301 мир Дж. слово, شلوم שלום 世界。 हिन्दी ſ gımme ﬁ ² Ⅷ x² 👍🏽
👨‍👩‍👧 ʼn a? b! c: d; e, f) (g [h] {i} "j" 'k' ``l'' «m» “n” ‘o’ „p“ q/r s\\t u|v w=z ~ ^ ` ``
end.) end." end.' end.") end.', end.> end.», end?" J.) (J. "J. 5.) a.(b a."b a.'s a.? a?. a.b.c
x,y x,5 x:y x:5 x::y x,,y :x ,x ?x .x 'x "x ''x x'' x" ) ' " '' "" ]) }. ). .) ?) ;. ., .,x
""".split()
"""What trips a tokenizer up, by itself and side by side."""

_GAPS = [" "] * 12 + [
    "",
    "",
    "\n",
    "\n\n",
    "  ",
    "\t",
    "\r\n",
    ". ",
    ".\n",
    "? ",
    "! ",
    ", ",
    '" ',
    ") ",
]
_RARE_GAPS = [
    "\x1c",
    "\x1f",
    "\x85",
    "\xa0",
    "\u2028",
    "\u3000",
    "\u200b",
    "\v",
    "\f",
    ".\xa0",
    " \xa0",
]
_ALPHABETS = (
    "ab.?!'\" \n)",
    "aJ5.,:;-' \n\t",
    "sx'\"`()[]{}<> .",
    "aЖé\u0301²'’‘“”«»„–… .\xa0\x1c",
    "".join(map(chr, range(128))),
)


def texts(seed: int, count: int) -> Iterator[str]:
    """Random texts: of ``WORDS``, of few letters that form patterns, and of both."""
    rng = random.Random(seed)
    for _ in range(count):
        gaps: Sequence[str] = _GAPS + _RARE_GAPS if rng.random() < 0.3 else _GAPS
        parts = []
        for _ in range(rng.randrange(1, 25)):
            if rng.random() < 0.3:
                alphabet = rng.choice(_ALPHABETS)
                parts.append("".join(rng.choices(alphabet, k=rng.randrange(1, 12))))
            else:
                parts.append(rng.choice(WORDS))
            parts.append(rng.choice(gaps))
        yield "".join(parts)
