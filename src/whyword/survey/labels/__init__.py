"""Audit of labels: documents that are probably labelled wrong, and the words that say so.

A model that has learned a wrong label by heart does not show it. So the linear baseline judges each
document after training on the others (`confidence`); the words come from the given model.
"""

from whyword.classifier import refuse_labels
from whyword.data.corpora import Corpus
from whyword.data.extras import require
from whyword.errors import InputError, did_you_mean
from whyword.explainer import stream
from whyword.models.adapting import Explainable, as_classifier
from whyword.progress import OnProgress
from whyword.survey.labels.confidence import (
    canonical_order,
    probabilities,
    stratified_folds,
    suspected,
)
from whyword.survey.labels.records import LabelAudit, LabelSuspect
from whyword.targets import Contrast, PerText

__all__ = ["LabelAudit", "LabelSuspect", "suspect_labels"]

PENALTY = 0.3
"""C of the baseline, scikit-learn's inverse penalty; see ``docs/audit.md``."""


def suspect_labels(
    classifier: Explainable,
    corpus: Corpus,
    *,
    name: str | None = None,
    most: int = 100,
    folds: int = 5,
    method: str = "lrp",
    batch_size: int = 32,
    seed: int = 0,
    progress: OnProgress | None = None,
) -> LabelAudit:
    """Find documents whose label is probably wrong.

    Args:
        classifier: What `whyword.explain` takes. It says which words speak for the suggested class;
            which documents are suspected does not depend on it.
        corpus: The labelled documents.
        name: A class, to name documents labelled as this class alone; by default all classes.
        most: Most documents to name and explain.
        folds: The number of parts of which each is judged by a baseline trained on the others.
        method: Name of the explanation method.
        batch_size: Documents that are explained at a time.
        seed: Seed of the folds and of the solver.
        progress: Called after each step; see `whyword.progress`.

    Raises:
        InputError: If there is no such class, the model lacks a class of the corpus, an option is
            out of its range, or too few documents can be judged.
    """
    classifier = as_classifier(classifier)
    refuse_labels(classifier, "An audit of labels")
    corpus.labels_in(classifier.classes)
    if name is not None and name not in corpus.classes:
        raise InputError(f'There is no class "{name}". {did_you_mean(name, corpus.classes)}')
    if most < 1 or folds < 2:
        raise InputError(f"Got most {most} and folds {folds}; expected 1 or more, and 2 or more.")
    require("sklearn.svm", extra="corpus", what="An audit of labels")
    from whyword.models.linear.baseline import out_of_fold_scores

    order = canonical_order(corpus.texts, corpus.single_labels(), seed)
    ordered = corpus.subset(order)
    given = ordered.single_labels()
    scores, judged = out_of_fold_scores(
        ordered.texts,
        given,
        stratified_folds(ordered.texts, given, folds),
        len(corpus.classes),
        penalty=PENALTY,
        seed=seed,
        progress=progress,
    )
    own = scores[range(len(corpus)), given]
    judged &= own > float("-inf")
    if len(set(given[judged].tolist())) < 2:
        raise InputError(
            f"Got {len(corpus)} documents, of which {int(judged.sum())} can be judged; expected "
            "two classes, each with two different documents or more that have words in common."
        )
    labels = given[judged]
    p = probabilities(scores[judged], labels)
    places, counted = suspected(p, labels)
    documents = order[judged][places].tolist()
    found = [
        (
            document,
            corpus.classes[labels[place]],
            corpus.classes[other],
            p[place, labels[place]],
            p[place, other],
        )
        for document, place, other in zip(documents, places, counted, strict=True)
        if name in (None, corpus.classes[labels[place]])
    ]
    shown = found[:most]
    targets = PerText([Contrast(suggested, label) for _, label, suggested, *_ in shown])
    explanations = stream(
        classifier,
        [corpus.texts[document] for document, *_ in shown],
        method=method,
        targets=targets,
        batch_size=batch_size,
        progress=progress,
    )
    return LabelAudit(
        suspects=tuple(
            LabelSuspect(document, label, suggested, float(own), float(other), explanation)
            for (document, label, suggested, own, other), explanation in zip(
                shown, explanations, strict=True
            )
        ),
        corpus=corpus,
        about={
            "documents": len(corpus),
            "judged": int(judged.sum()),
            "suspected": len(found),
            "folds": folds,
            "method": method,
            "seed": seed,
        },
    )
