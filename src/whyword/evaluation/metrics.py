"""The metrics by name, and functions that measure several metrics of several methods at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whyword.classifier import Classifier, predict
from whyword.data.arrays import Floats
from whyword.errors import InputError, did_you_mean
from whyword.evaluation import faithfulness, infidelity, sanity
from whyword.evaluation.again import Explain, explainers
from whyword.evaluation.documents import Documents
from whyword.evaluation.experiment import Table
from whyword.evaluation.measurements import Better, Measurement
from whyword.evaluation.settings import Settings
from whyword.explainer import explain
from whyword.explanation import Explanation
from whyword.models.adapting import Explainable, as_classifier
from whyword.progress import OnProgress, Progress, as_phase
from whyword.targets import Class, PerText, Targets
from whyword.text import Document


@dataclass(frozen=True)
class Conditions:
    """The conditions under which metrics are measured.

    Attributes:
        operator: How words are deleted, one of `whyword.removal.OPERATORS`.
        seed: Seed of all that is random.
        explain: The method, for the metrics that explain the texts again.
    """

    operator: str
    seed: int
    explain: Explain


@dataclass(frozen=True)
class Metric:
    """One metric of explanations.

    Attributes:
        better: Which values speak for the explanations.
        compute: A function from classifier, explanations and conditions to one value per text, NaN
            where the metric is not defined.
        uses_method: Whether it explains the texts again, by the method.
    """

    better: Better
    compute: Callable[[Classifier, Sequence[Explanation], Conditions], Floats]
    uses_method: bool = False


def _removal(function: Callable[..., Floats], **options: Any) -> Callable[..., Floats]:
    return lambda c, e, given: function(c, e, operator=given.operator, **options)


METRICS: dict[str, Metric] = {
    "srg": Metric("higher", _removal(faithfulness.symmetric_relevance_gain)),
    "comprehensiveness": Metric("higher", _removal(faithfulness.comprehensiveness)),
    "sufficiency": Metric("lower", _removal(faithfulness.sufficiency)),
    "log_odds": Metric("lower", _removal(faithfulness.log_odds)),
    "loo_kendall": Metric("higher", _removal(faithfulness.leave_one_out_agreement)),
    "loo_spearman": Metric(
        "higher", _removal(faithfulness.leave_one_out_agreement, coefficient="spearman")
    ),
    "infidelity": Metric(
        "lower",
        lambda c, e, given: infidelity.infidelity(c, e, operator=given.operator, seed=given.seed),
    ),
    "infidelity_normalized": Metric(
        "lower",
        lambda c, e, given: infidelity.infidelity(
            c, e, operator=given.operator, seed=given.seed, normalize=True
        ),
    ),
    "max_sensitivity": Metric(
        "lower",
        lambda c, e, given: infidelity.max_sensitivity(c, e, given.explain, seed=given.seed),
        uses_method=True,
    ),
    "model_randomisation": Metric(
        "near zero",
        lambda c, e, given: sanity.model_randomisation(
            c, e, given.explain, seed=given.seed
        ).correlation[-1],
        uses_method=True,
    ),
    "random_logit": Metric(
        "lower",
        lambda c, e, given: sanity.random_logit(c, e, given.explain, seed=given.seed),
        uses_method=True,
    ),
    "conservation_residual": Metric("lower", lambda c, e, given: sanity.conservation_residual(e)),
}
"""The metrics by name; docs/metrics.md says what each of them cannot see."""


def measure(
    classifier: Explainable,
    texts: Sequence[str | Document],
    methods: Sequence[str] | Mapping[str, Explain],
    metrics: Sequence[str] = tuple(METRICS),
    *,
    targets: Targets = "predicted",
    operator: str = "zero",
    seed: int = 0,
    given: Mapping[str, Sequence[Explanation]] | None = None,
    progress: OnProgress | None = None,
) -> list[Measurement]:
    """Explain texts by several methods, and measure the explanations by several metrics.

    Example:
        >>> table = measure(model, texts, ["lrp", "sa"], ["srg"])             # doctest: +SKIP
        >>> methods = {"sa, l2": partial(explain, method="sa", norm="l2")}    # doctest: +SKIP

    Args:
        classifier: What `whyword.explain` takes.
        texts: The texts to explain.
        methods: Keys of `whyword.methods.METHODS`; or functions by name, for other settings or
            methods of your own.
        metrics: Keys of `METRICS`.
        targets: One class per text: ``"predicted"``, a class, or a `whyword.PerText`.
        operator: How words are taken away, one of `whyword.removal.OPERATORS`.
        seed: Seed of all that is random.
        given: Explanations of the texts from elsewhere, by name. They come without a method that
            could explain again, so metrics that need it (`Metric.uses_method`) leave them out.
        progress: Called in the phase "explaining" and for each metric, after each method.

    Returns:
        One measurement for each metric and method, metric by metric, those given last.

    Raises:
        InputError: If there is no such method, metric, target or operator, or nothing to measure.
    """
    check(metrics, methods=[*methods], given=[*(given or {})])
    methods = explainers(methods)
    if not len(texts):
        raise InputError("Got no text; expected some to explain.")
    model = as_classifier(classifier)
    explained: dict[str, list[Explanation]] = {}
    for done, (name, explainer) in enumerate(methods.items(), start=1):
        explained[name] = list(explainer(model, texts, targets=targets))
        if progress:
            progress(Progress("explaining", done, len(methods)))
    explained |= {name: list(explanations) for name, explanations in (given or {}).items()}
    for name, explanations in explained.items():
        if len(explanations) != len(texts):
            raise InputError(
                f'"{name}" has {len(explanations)} explanations; expected one for each of '
                f"{len(texts)} texts."
            )
    table = []
    for name in metrics:
        tell = as_phase(progress, name)
        metric = METRICS[name]
        found = _values(metric, model, explained, methods, operator, seed, tell)
        for method, values in found.items():
            table.append(Measurement.of(method, name, metric.better, values, seed=seed))
    return table


def measure_documents(
    classifier: Explainable,
    documents: Documents,
    methods: Sequence[str],
    metrics: Sequence[str] = tuple(METRICS),
    *,
    tables: Mapping[str, Table] | None = None,
    settings: Settings | None = None,
    progress: OnProgress | None = None,
) -> list[Measurement]:
    """Measure metrics on documents of a deletion experiment, as that explains and changes them.

    Args:
        classifier: What `whyword.explain` takes.
        documents: For example `whyword.evaluation.experiment.Experiment.documents`.
        methods: Keys of `whyword.methods.METHODS`.
        metrics: Keys of `METRICS`.
        tables: Relevances from elsewhere, by name, treated like ``given`` in `measure`.
        settings: The experiment's settings, for target, removal operator and seed.
        progress: As in `measure`.

    Raises:
        InputError: As `measure`, or if a table does not fit.
    """
    settings = settings or Settings()
    tables = tables or {}
    check(metrics, methods=methods, given=[*tables])
    model = as_classifier(classifier)
    names = [model.classes[c] for c in settings.targets(documents)]
    found = measure(
        model,
        documents.documents,
        methods,
        metrics,
        targets=PerText([Class(name) for name in names]),
        operator=settings.operator,
        seed=settings.seed,
        given={
            name: _explanations(model, documents, names, name, table)
            for name, table in tables.items()
        },
        progress=progress,
    )
    return [replace(row, documents=documents.names) for row in found]


def check(metrics: Sequence[str], *, methods: Sequence[str], given: Sequence[str] = ()) -> None:
    """Raise `InputError` if these metrics cannot be measured.

    Args:
        metrics: Names of the metrics.
        methods: Names of the methods, of any kind.
        given: Names of explanations from elsewhere.
    """
    for name in metrics:
        if name not in METRICS:
            raise InputError(f'There is no metric "{name}". {did_you_mean(name, METRICS)}')
    if not metrics:
        raise InputError(f"Got no metric; expected some of: {', '.join(METRICS)}.")
    if len(set(metrics)) < len(metrics):
        raise InputError(f"Got a metric twice: {', '.join(metrics)}.")
    if not methods and not given:
        raise InputError("Got no method to measure; expected at least one.")
    if twice := [name for name in given if name in methods]:
        raise InputError(f'"{twice[0]}" names a method and relevances from elsewhere.')
    again = [name for name in metrics if METRICS[name].uses_method]
    if again and not methods:
        raise InputError(
            f'The metric "{again[0]}" explains texts again, which relevances from elsewhere '
            "cannot; leave it out, or name a method."
        )


def _explanations(
    classifier: Classifier,
    documents: Documents,
    targets: Sequence[str],
    source: str,
    table: Table,
) -> list[Explanation]:
    """Make explanations of the relevances in a table."""
    scores = predict(classifier, documents.documents)
    own = [list(classifier.classes).index(target) for target in targets]
    found = []
    for document, target, relevance, row, place in zip(
        documents.documents, targets, table(documents, targets), scores, own, strict=True
    ):
        score = row[[place]]
        found.append(
            Explanation(
                text=document.text,
                spans=document.spans,
                classes=tuple(classifier.classes),
                scores=row,
                targets=(target,),
                target_scores=score,
                relevance=relevance[None],
                remainder={"not decomposed": score - relevance.sum()},
                method=source,
                truncated=document.truncated,
            )
        )
    return found


def _values(
    metric: Metric,
    classifier: Classifier,
    explained: Mapping[str, list[Explanation]],
    methods: Mapping[str, Explain],
    operator: str,
    seed: int,
    progress: OnProgress,
) -> dict[str, Floats]:
    """The metric's values for each method."""
    if metric.uses_method:
        values = {}
        progress(Progress("", 0, len(methods)))
        for done, (method, explain_again) in enumerate(methods.items(), start=1):
            conditions = Conditions(operator, seed, explain_again)
            values[method] = metric.compute(classifier, explained[method], conditions)
            progress(Progress("", done, len(methods)))
        return values
    # All methods in one call, so that it computes only once what they share.
    progress(Progress("", 0, len(explained)))
    together = [e for explanations in explained.values() for e in explanations]
    found = metric.compute(classifier, together, Conditions(operator, seed, explain))
    progress(Progress("", len(explained), len(explained)))
    return dict(zip(explained, np.split(found, len(explained)), strict=True))
