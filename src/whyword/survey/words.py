"""The words of a corpus that drive each class, and those that speak against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict, get_args

from whyword.data.corpora import Corpus
from whyword.errors import InputError, did_you_mean
from whyword.progress import OnProgress
from whyword.survey.tally import Occurrence, Order, Tally, WordEntry

if TYPE_CHECKING:
    from whyword.classifier import Classifier
    from whyword.models.adapting import Explainable

Subject = Literal["predicted", "true", "all"]
"""The class that a document counts for: the predicted one, its true one, or every class."""

CONTEXT = 40
"""The number of characters shown to each side of a word in context."""


class Context(NamedTuple):
    """A word of a text with the text before and after it, on one line."""

    before: str
    word: str
    after: str


@dataclass(frozen=True)
class WordList:
    """The strongest words for and against one target.

    Attributes:
        target: Name of the target: of a class, or of a contrast of two classes.
        documents: The number of documents that were explained for the target.
        top: Words that speak for the target, the strongest first.
        bottom: Words that speak against it, the strongest first.
    """

    target: str
    documents: int
    top: tuple[WordEntry, ...]
    bottom: tuple[WordEntry, ...]


class WordsSettings(TypedDict):
    """How the words of a corpus were listed; ``missed`` is that of `Tally`, 0 if all are exact."""

    documents: int
    subject: Subject
    method: str
    by: Order
    min_documents: int
    missed: int


class EntryRecord(TypedDict):
    """A `WordEntry` as JSON values; its examples are named by document, and stand in context."""

    word: str
    mean: float
    total: float
    documents: int
    share: float
    occurrences: int
    examples: list[dict[str, object]]


ListRecord = TypedDict(
    "ListRecord",
    {"target": str, "documents": int, "for": list[EntryRecord], "against": list[EntryRecord]},
)
"""A `WordList` as JSON values."""


class CorpusWordsRecord(WordsSettings):
    """`CorpusWords` as JSON values."""

    targets: list[ListRecord]


@dataclass(frozen=True)
class CorpusWords:
    """The words that drive classes over a corpus.

    Attributes:
        lists: A list of words for each target.
        corpus: The corpus; examples are places in its documents.
        about: How the lists were made.
    """

    lists: tuple[WordList, ...]
    corpus: Corpus
    about: WordsSettings

    def context(self, occurrence: Occurrence) -> Context:
        """Return the word at a place, with the text before and after it."""
        return context(self.corpus.texts[occurrence.document], occurrence.start, occurrence.end)

    def to_dict(self) -> CorpusWordsRecord:
        """Return everything as JSON values."""
        return {
            **self.about,
            "targets": [
                {
                    "target": words.target,
                    "documents": words.documents,
                    "for": [self._entry(entry) for entry in words.top],
                    "against": [self._entry(entry) for entry in words.bottom],
                }
                for words in self.lists
            ],
        }

    def _entry(self, entry: WordEntry) -> EntryRecord:
        return {
            "word": entry.word,
            "mean": entry.mean,
            "total": entry.total,
            "documents": entry.documents,
            "share": entry.share,
            "occurrences": entry.occurrences,
            "examples": [
                {
                    "document": self.corpus.names[place.document],
                    "start": place.start,
                    "end": place.end,
                    "relevance": place.relevance,
                    **self.context(place)._asdict(),
                }
                for place in entry.examples
            ],
        }


def corpus_words(
    classifier: "Explainable",
    corpus: Corpus,
    *,
    subject: Subject = "predicted",
    name: str | None = None,
    against: str | None = None,
    top: int = 20,
    by: Order = "total",
    min_documents: int = 1,
    method: str = "lrp",
    batch_size: int = 32,
    progress: OnProgress | None = None,
) -> CorpusWords:
    """Explain every document of a corpus, and add the relevance up word by word.

    Args:
        classifier: What `whyword.explain` takes.
        corpus: The documents.
        subject: The class that a document is explained for and counts for: the ``"predicted"`` one,
            its ``"true"`` one, or ``"all"`` classes, wrong ones included.
        name: A class, to list words for this class alone; by default all classes.
        against: A second class, to list what speaks for ``name`` rather than for this class, over
            the documents of both.
        top: Most words listed for a class, and as many against it.
        by: How words are ranked: by ``"total"`` relevance, or its ``"mean"`` over their documents.
        min_documents: Words in fewer documents are left out.
        method: Name of the explanation method.
        batch_size: Documents at a time.
        progress: Called after each batch; see `whyword.progress`.

    Raises:
        InputError: If there is no such class, subject or order, or there are no documents.
    """
    from whyword.explainer import stream
    from whyword.models.adapting import as_classifier
    from whyword.targets import Class, Contrast, PerText, Targets, name_of

    classifier = as_classifier(classifier)
    _check(classifier.classes, corpus, subject, name, against, by, top)
    target: Class | Contrast | None = None
    if name is not None:
        target = Class(name) if against is None else Contrast(name, against)
    chosen = _documents(classifier, corpus, subject, name, against)
    texts = [corpus.texts[i] for i in chosen]
    targets: Targets = subject
    if target is not None:
        targets = target
    elif subject == "true":
        targets = PerText([Class(corpus.classes[label]) for label in corpus.single_labels()])
    explanations = stream(
        classifier, texts, method=method, targets=targets, batch_size=batch_size, progress=progress
    )
    tallies: dict[str, Tally] = {}
    if target is not None:  # also where no document counts for it
        tallies[name_of(target, classifier.classes)] = Tally()
    for number, explanation in zip(chosen, explanations, strict=True):
        for row, explained in enumerate(explanation.targets):
            tallies.setdefault(explained, Tally()).add(number, explanation, row)
    order = {explained: rank for rank, explained in enumerate(classifier.classes)}
    return CorpusWords(
        lists=tuple(
            WordList(
                explained,
                tally.documents,
                tuple(tally.top(top, by=by, min_documents=min_documents)),
                tuple(tally.bottom(top, by=by, min_documents=min_documents)),
            )
            for explained, tally in sorted(
                tallies.items(), key=lambda item: order.get(item[0], len(order))
            )
        ),
        corpus=corpus,
        about={
            "documents": len(corpus),
            "subject": subject,
            "method": method,
            "by": by,
            "min_documents": min_documents,
            "missed": max((tally.missed for tally in tallies.values()), default=0),
        },
    )


def context(text: str, start: int, end: int, *, width: int = CONTEXT) -> Context:
    r"""Return the word at ``start:end`` with up to ``width`` characters to each side, on one line.

    Example:
        >>> context("I ride my\nbike to work", 10, 14, width=8)
        Context(before='ride my ', word='bike', after=' to work')
    """
    before, after = text[max(start - width, 0) : start], text[end : end + width]
    return Context(_one_line(before), text[start:end], _one_line(after))


def _one_line(text: str) -> str:
    return "".join(" " if character.isspace() else character for character in text)


def _documents(
    classifier: "Classifier",
    corpus: Corpus,
    subject: Subject,
    name: str | None,
    against: str | None,
) -> list[int]:
    """Return the documents that count for the class, for a contrast those of both classes."""
    if name is None or subject == "all":
        return list(range(len(corpus)))
    if subject == "true":
        counts_for = corpus.labels_in(classifier.classes)
    else:
        from whyword.classifier import predict

        counts_for = predict(classifier, corpus.texts).argmax(axis=1)
    wanted = {classifier.classes.index(one) for one in (name, against) if one is not None}
    return [i for i, counted in enumerate(counts_for.tolist()) if counted in wanted]


def _check(
    classes: Sequence[str],
    corpus: Corpus,
    subject: str,
    name: str | None,
    against: str | None,
    by: str,
    top: int,
) -> None:
    """Raise `InputError` for options that name nothing, or that contradict each other."""
    for value, allowed in ((subject, get_args(Subject)), (by, get_args(Order))):
        if value not in allowed:
            raise InputError(f'There is no "{value}". {did_you_mean(value, allowed)}')
    for one in (name, against):
        if one is not None and one not in classes:
            raise InputError(f'There is no class "{one}". {did_you_mean(one, classes)}')
    if against is not None and name is None:
        raise InputError(f'Got "{against}" to compare with, but no class; name both.')
    if against is not None and against == name:
        raise InputError(f'Got "{name}" twice; expected two classes to compare.')
    if top < 1:
        raise InputError(f"Got {top} words to show; expected at least 1.")
    corpus.single_labels()
    if subject == "true":
        corpus.labels_in(classes)
