"""`Document`, a text and its tokens as spans of code points, and the paper's `Tokenizer`.

`reference` asks NLTK for sentences and words: it says what is right. `words` gives the same words
at the speed of reading, by what `chunks` knows of the text between two white spaces.
"""

from whyword.text.document import Document, Span, characters, check_spans
from whyword.text.reference import sentences
from whyword.text.tokenizer import Tokenizer, body_start

__all__ = [
    "Document",
    "Span",
    "Tokenizer",
    "body_start",
    "characters",
    "check_spans",
    "sentences",
]
