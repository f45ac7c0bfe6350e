"""The paper's preprocessing (Arras et al. 2016, section 3.2).

NLTK finds sentences and words; kept are tokens of letters, apostrophe, hyphen and dot with at least
one letter, the first 400 of a text.
"""

from dataclasses import asdict, dataclass
from itertools import islice

from whyword.errors import InputError
from whyword.text.document import Document, spans_of
from whyword.text.words import words


@dataclass(frozen=True)
class Tokenizer:
    """The paper's preprocessing, with spans on the original text.

    Attributes:
        max_tokens: Number of tokens kept per document (the paper's 400); None keeps all.
        skip_headers: Whether to read only what follows the first blank line, as scikit-learn's
            ``remove=("headers",)`` does with newsgroup postings. Spans still count from the start.

    Raises:
        InputError: If a setting is of another type, or ``max_tokens`` below 1.
    """

    max_tokens: int | None = 400
    skip_headers: bool = False

    def __post_init__(self) -> None:
        most = self.max_tokens
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            raise InputError(f"Got max_tokens {most!r}; expected a whole number, or None for all.")
        if not isinstance(self.skip_headers, bool):
            raise InputError(f"Got skip_headers {self.skip_headers!r}; expected True or False.")

    def __call__(self, text: str) -> Document:
        """Tokenise one text.

        Raises:
            InputError: If ``text`` is not a string.
        """
        if not isinstance(text, str):
            raise InputError(f"Got {type(text).__name__}; expected a text (str).")
        found = words(text, body_start(text) if self.skip_headers else 0)
        spans = spans_of(islice(found, self.max_tokens))
        return Document.unchecked(text, spans, truncated=next(found, None) is not None)

    def to_json(self) -> dict[str, object]:
        """The settings of the tokenizer, as JSON values."""
        return asdict(self)


def body_start(text: str) -> int:
    r"""Where a posting's body begins: after the first blank line; at the end if there is none.

    Example:
        >>> body_start("From: a@b\nSubject: c\n\nHello")
        22
    """
    _head, _blank, body = text.partition("\n\n")
    return len(text) - len(body)
