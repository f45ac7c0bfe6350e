"""`explain` and `stream`: from a classifier and texts to explanations."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import tee
from pathlib import Path
from typing import overload

from whyword.errors import InputError
from whyword.explainer.batches import explain_batch
from whyword.explainer.windows import BATCHES, batches_by_length
from whyword.explainer.workers import How, Task, explain_in_processes
from whyword.explanation import Explanation
from whyword.methods import method_named
from whyword.models.adapting import Explainable, as_classifier
from whyword.models.store import load
from whyword.progress import OnProgress, Progress
from whyword.targets import PerText, Targets
from whyword.text import Document


@overload
def explain(  # type: ignore[overload-overlap]
    classifier: Explainable | str | Path,
    texts: str | Document,
    *,
    method: str = ...,
    targets: Targets = ...,
    components: bool = ...,
    batch_size: int = ...,
    workers: int | None = ...,
    progress: OnProgress | None = ...,
    **settings: object,
) -> Explanation: ...
@overload
def explain(
    classifier: Explainable | str | Path,
    texts: Sequence[str | Document],
    *,
    method: str = ...,
    targets: Targets = ...,
    components: bool = ...,
    batch_size: int = ...,
    workers: int | None = ...,
    progress: OnProgress | None = ...,
    **settings: object,
) -> list[Explanation]: ...
def explain(
    classifier: Explainable | str | Path,
    texts: str | Document | Sequence[str | Document],
    *,
    method: str = "lrp",
    targets: Targets = "all",
    components: bool = False,
    batch_size: int = 16,
    workers: int | None = None,
    progress: OnProgress | None = None,
    **settings: object,
) -> Explanation | list[Explanation]:
    """Explain which words drove the classifier's scores.

    A method gives each word its relevance: how much it speaks for a class or, by most methods if
    negative, against it.

    Args:
        classifier: The model: from `whyword.load`, a fitted scikit-learn pipeline, a transformers
            pipeline for text-classification, a `whyword.TransformerClassifier` or
            `whyword.ModuleClassifier` around a torch module, or any `whyword.Classifier`; or the
            name or folder of a model, which is then loaded for this call, as by `whyword.load`.
        texts: One text, or several.
        method: Name of the method, a key of `whyword.methods.METHODS`.
        targets: ``"all"`` classes, the ``"predicted"`` one, a class name, a contrast of two
            (``"sci.space - sci.med"``), several names, or a `whyword.PerText`: one for each text.
            A class whose name could be read as something else is written ``"=name"``, or given as
            `whyword.Class` or `whyword.Contrast`; see `whyword.targets`.
        components: Whether to keep relevance per component of the word vectors.
        batch_size: Number of texts explained at once. Texts of similar length share a batch.
        workers: Number of processes to explain in, each on one core with a model of its own, which
            it loads: give the model's name or folder. They know nothing of rules or layers that the
            caller has registered. By default everything happens in the caller's process. A script
            that uses workers guards its start with ``if __name__ == "__main__":``.
        progress: Called after each batch; see `whyword.progress`.
        settings: Settings of the method, such as ``epsilon``; see `whyword.methods.METHODS`.

    Returns:
        One explanation for one text; for several texts a list, in their order.

    Raises:
        InputError: If a text is no string, a target, method or setting does not exist, or
            ``workers`` cannot load the model again.
        ModelError: If the model cannot be loaded, or returns scores that are not finite.
        WhywordError: If a worker's process ends before its time.
    """
    if isinstance(texts, str | Document):
        return explain(
            classifier,
            [texts],
            method=method,
            targets=targets,
            components=components,
            batch_size=batch_size,
            workers=workers,
            progress=progress,
            **settings,
        )[0]
    return list(
        stream(
            classifier,
            texts,
            method=method,
            targets=targets,
            components=components,
            batch_size=batch_size,
            workers=workers,
            progress=progress,
            **settings,
        )
    )


def stream(
    classifier: Explainable | str | Path,
    texts: Sequence[str | Document],
    *,
    method: str = "lrp",
    targets: Targets = "all",
    components: bool = False,
    batch_size: int = 16,
    workers: int | None = None,
    progress: OnProgress | None = None,
    **settings: object,
) -> Iterator[Explanation]:
    """The same as `explain`, but yields one explanation after the other.

    The explanations of a large corpus need not fit into memory together: no more than those of a
    few batches are held (`whyword.explainer.windows`). Arguments and errors are those of `explain`.
    """
    if batch_size < 1:
        raise InputError(f"Got batch_size {batch_size}; expected at least 1.")
    if workers is not None and workers < 1:
        raise InputError(f"Got {workers} workers; expected at least 1, or None for no processes.")
    if isinstance(targets, PerText):
        targets.check(len(texts))
    method_named(method).check(settings)
    how = How(method, components, settings)
    # Relevance by component is large: of no more than one batch at a time.
    window = 1 if components else BATCHES
    batches, again = tee(batches_by_length(texts, batch_size, window=window))
    tasks = (_task(texts, targets, chosen) for chosen in again)
    explained: Generator[list[Explanation], None, None]
    if workers is None:
        model = as_classifier(_loaded(classifier))
        explained = (explain_batch(model, *task, **how._asdict()) for task in tasks)
    elif isinstance(classifier, str | Path):
        explained = explain_in_processes(classifier, tasks, how, workers=workers)
    else:
        raise InputError(
            f"Got {workers} workers for a {type(classifier).__name__}; each has to load the model "
            "itself: expected the name or folder of a model, as for whyword.load."
        )
    waiting: dict[int, Explanation] = {}
    upcoming = done = 0
    with closing(explained):
        for chosen, found in zip(batches, explained, strict=True):
            waiting.update(zip(chosen, found, strict=True))
            while upcoming in waiting:
                yield waiting.pop(upcoming)
                upcoming += 1
            done += len(chosen)
            if progress:
                progress(Progress("explaining", done, len(texts)))


def _loaded(classifier: Explainable | str | Path) -> Explainable:
    return load(classifier) if isinstance(classifier, str | Path) else classifier


def _task(texts: Sequence[str | Document], targets: Targets, chosen: Sequence[int]) -> Task:
    """The texts with these indices, and their targets."""
    part = targets.part(chosen) if isinstance(targets, PerText) else targets
    return [texts[i] for i in chosen], part
