"""Audit of a model: words that drive a class by accident, although they do not belong to it.

`audit_corpus` explains a corpus, ranks the words whose relevance is out of proportion (`suspects`),
clusters each class's explanations (`clusters`), and measures what the decisions lose without those
words (`effects`).
"""

from collections.abc import Iterable, Mapping

import numpy as np

from whyword.classifier import refuse_labels
from whyword.data.arrays import Bools, Floats, Ints
from whyword.data.corpora import Corpus
from whyword.errors import InputError, did_you_mean
from whyword.explainer import stream
from whyword.explanation import Explanation
from whyword.models.adapting import Explainable, as_classifier
from whyword.progress import OnProgress
from whyword.survey.audit.clusters import Cluster, check_libraries, clusters
from whyword.survey.audit.effects import Effect, effects
from whyword.survey.audit.records import Accuracy, Audit, ClassAudit, Suspect
from whyword.survey.audit.suspects import Suspicion, suspicions
from whyword.survey.tally import Tally

__all__ = ["Accuracy", "Audit", "ClassAudit", "Cluster", "Suspect", "audit_corpus"]


def audit_corpus(
    classifier: Explainable,
    corpus: Corpus,
    *,
    name: str | None = None,
    top: int = 10,
    least: float = 0.005,
    min_documents: int = 3,
    sample: int = 400,
    method: str = "lrp",
    batch_size: int = 32,
    seed: int = 0,
    progress: OnProgress | None = None,
) -> Audit:
    """Find words that drive a model's decisions and should not: the suspects.

    Every document is explained for the class that the model predicts. Such words show best on the
    documents that the model was trained on. What is found on others also works beyond training.

    Args:
        classifier: What `whyword.explain` takes.
        corpus: The documents, with their true classes.
        name: A class, to audit this class alone; by default all classes.
        top: Most suspects per class.
        least: Lowest score of a suspect, as a share of the class's relevance.
        min_documents: Fewest documents of a suspect.
        sample: Most documents per class that are clustered; if there are more, drawn at random.
        method: Name of the explanation method.
        batch_size: Documents at a time.
        seed: Seed of the sample and the clusters.
        progress: Called after each batch; see `whyword.progress`.

    Raises:
        InputError: If there is no such class, the model lacks a class of the corpus, or an option
            is out of its range.
    """
    classifier = as_classifier(classifier)
    refuse_labels(classifier, "An audit")
    names = tuple(classifier.classes)
    labels = corpus.labels_in(names)
    if name is not None and name not in names:
        raise InputError(f'There is no class "{name}". {did_you_mean(name, names)}')
    if top < 1 or sample < 1 or not 0 <= least <= 1:
        raise InputError(
            f"Got top {top}, sample {sample} and least {least}; expected top and sample to be 1 or "
            "more, and least between 0 and 1."
        )

    check_libraries()
    explanations = stream(
        classifier,
        corpus.texts,
        method=method,
        targets="predicted",
        batch_size=batch_size,
        progress=progress,
    )
    scores, seen = _read(explanations, (len(corpus), len(names)), name, sample, seed)
    suspicious = {
        target: suspicions(one.tally, top=top, least=least, min_documents=min_documents)
        for target, one in seen.items()
    }
    words = {
        names.index(target): [suspicion.entry.word for suspicion in found]
        for target, found in suspicious.items()
    }
    measured, without = effects(
        classifier,
        corpus.texts,
        scores,
        words,
        batch_size=batch_size,
        progress=progress,
    )
    suspects = [
        _suspect(target, suspicion, names.index(target), measured)
        for target, found in suspicious.items()
        for suspicion in found
    ]
    return Audit(
        suspects=tuple(sorted(suspects, key=lambda suspect: -suspect.score)),
        classes=tuple(
            ClassAudit(
                target, seen[target].tally.documents, tuple(clusters(seen[target].rows, seed=seed))
            )
            for target in names
            if target in seen
        ),
        accuracy=_accuracy(scores.argmax(axis=1), without, labels),
        corpus=corpus,
        about={
            "documents": len(corpus),
            "method": method,
            "top": top,
            "least": least,
            "min_documents": min_documents,
            "sample": sample,
            "seed": seed,
        },
    )


class _Seen:
    """What was seen of one class: sums for its words, and some of its documents for clustering."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.rows: dict[int, dict[str, float]] = {}


def _read(
    explanations: Iterable[Explanation],
    shape: tuple[int, int],
    name: str | None,
    sample: int,
    seed: int,
) -> tuple[Floats, dict[str, _Seen]]:
    """Read all explanations: scores of the documents, and what was seen of each predicted class."""
    rng = np.random.default_rng(seed)
    scores = np.zeros(shape)
    seen: dict[str, _Seen] = {}
    for number, explanation in enumerate(explanations):
        scores[number] = explanation.scores
        if name not in (None, explanation.predicted):
            continue
        one = seen.setdefault(explanation.predicted, _Seen())
        one.tally.add(number, explanation, 0)
        # Each document of the class has the same chance to be in the sample (Vitter's algorithm R).
        place = int(rng.integers(one.tally.documents))
        if len(one.rows) == sample and place < sample:
            del one.rows[list(one.rows)[place]]
        if len(one.rows) < sample:
            one.rows[number] = dict(explanation.top(len(explanation.spans)))
    return scores, seen


def _suspect(
    target: str, suspicion: Suspicion, c: int, measured: Mapping[tuple[int, str], Effect]
) -> Suspect:
    entry = suspicion.entry
    effect = measured[c, entry.word]
    companions = [
        word
        for (other, word), one in measured.items()
        if other == c
        and word != entry.word
        and 2 * len(one.documents & effect.documents) > len(one.documents | effect.documents)
    ]
    return Suspect(
        word=entry.word,
        target=target,
        score=suspicion.score,
        relevance_share=suspicion.relevance_share,
        documents=entry.documents,
        document_share=entry.share,
        variety=suspicion.variety,
        usual_variety=suspicion.usual_variety,
        drop=effect.drop / entry.documents,
        turned=effect.turned,
        traces={trace: n / effect.occurrences for trace, n in sorted(effect.traces.items())},
        companions=tuple(companions),
        examples=entry.examples,
    )


def _accuracy(predicted: Ints, without: Mapping[int, int], labels: Ints) -> Accuracy:
    after = predicted.copy()
    touched = list(without)
    after[touched] = [without[number] for number in touched]
    right_before, right_after = predicted == labels, after == labels

    def share(right: Bools) -> float:
        return float(right.mean()) if len(right) else 0.0

    return Accuracy(
        before=share(right_before),
        after=share(right_after),
        touched=len(touched),
        touched_before=share(right_before[touched]),
        touched_after=share(right_after[touched]),
    )
