"""Several metrics of several methods over the same texts, as a table with intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from whyword.classifier import Classifier
from whyword.errors import InputError, did_you_mean
from whyword.evaluation import faithfulness, infidelity, sanity
from whyword.evaluation.again import Explain
from whyword.evaluation.statistics import Bootstrap
from whyword.explainer import as_classifier, explain
from whyword.explanation import Explanation
from whyword.methods import method_named
from whyword.targets import Targets
from whyword.text import Document

Array = NDArray[np.float64]
Better = Literal["higher", "lower", "near zero"]


@dataclass(frozen=True)
class Conditions:
    """What metrics are told besides classifier and explanations.

    Attributes:
        operator: How words are taken away.
        seed: Of all that is random.
        explain: The method, for the metrics that use it.
    """

    operator: str
    seed: int
    explain: Explain


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        better: Which values speak for the explanations.
        compute: From classifier, explanations and conditions to one value per text, NaN where there
            is none.
        uses_method: Whether it explains the texts again, by the method.
    """

    better: Better
    compute: Callable[[Classifier, Sequence[Explanation], Conditions], Array]
    uses_method: bool = False


def _removal(function: Callable[..., Array], **options: Any) -> Callable[..., Array]:
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
"""By name; docs/metrics.md says what each is blind to."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """One metric of one method.

    Attributes:
        method: Name of the method.
        metric: Name of the metric.
        better: Which values speak for the method.
        values: ``(text,)``, NaN where the metric is not defined.
        mean: Over the texts where it is; NaN if there are none.
        low: Lower end of the mean's bootstrap interval (95 %).
        high: Upper end.
    """

    method: str
    metric: str
    better: Better
    values: Array
    mean: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without those of single texts; null for what is not defined."""
        numbers = {"mean": self.mean, "low": self.low, "high": self.high}
        return {
            "method": self.method,
            "metric": self.metric,
            "better": self.better,
            "texts": int(np.isfinite(self.values).sum()),
            **{name: value if np.isfinite(value) else None for name, value in numbers.items()},
        }


def measure(
    classifier: Any,
    texts: Sequence[str | Document],
    methods: Sequence[str] | Mapping[str, Explain],
    metrics: Sequence[str] = tuple(METRICS),
    *,
    targets: Targets = "predicted",
    operator: str = "zero",
    seed: int = 0,
    progress: Callable[[str], object] | None = None,
) -> list[Measurement]:
    """Explain texts by several methods, and measure the explanations by several metrics.

    Example:
        >>> table = measure(model, texts, ["lrp", "sa"], ["srg"])             # doctest: +SKIP
        >>> methods = {"sa, l2": partial(explain, method="sa", norm="l2")}    # doctest: +SKIP

    Args:
        classifier: The model, as for `whyword.explain`.
        texts: What is explained.
        methods: Keys of `whyword.methods.METHODS`; or functions by name, for other settings or
            methods of one's own.
        metrics: Keys of `METRICS`.
        targets: One class per text: ``"predicted"``, a class, or a `whyword.PerText`.
        operator: How words are taken away, one of `whyword.evaluation.removal.OPERATORS`.
        seed: Of all that is random.
        progress: Called with the name of each metric when it is done.

    Returns:
        Metric by metric, one measurement per method.

    Raises:
        InputError: If there is no such method, metric, target or operator, or nothing to measure.
    """
    for name in metrics:
        if name not in METRICS:
            raise InputError(f'There is no metric "{name}". {did_you_mean(name, METRICS)}')
    if not len(texts) or not len(methods):
        raise InputError(f"Got {len(texts)} texts and {len(methods)} methods; expected some.")
    classifier = as_classifier(classifier)
    explainers = methods if isinstance(methods, Mapping) else _named(methods)
    explained = {
        name: list(explainer(classifier, texts, targets=targets))
        for name, explainer in explainers.items()
    }
    table = []
    for name in metrics:
        found = _values(METRICS[name], classifier, explained, explainers, operator, seed)
        for method, values in found.items():
            table.append(_measurement(method, name, values, seed))
        if progress:
            progress(name)
    return table


def _named(methods: Sequence[str]) -> dict[str, Explain]:
    for name in methods:
        method_named(name)
    return {name: partial(explain, method=name) for name in methods}


def _measurement(method: str, metric: str, values: Array, seed: int) -> Measurement:
    """With mean and interval, over the texts where the metric is defined."""
    defined = values[np.isfinite(values)]
    mean = low = high = float("nan")
    if len(defined):
        mean = float(defined.mean())
        low, high = Bootstrap(len(defined), seed=seed).interval(defined).tolist()
    return Measurement(method, metric, METRICS[metric].better, values, mean, low, high)


def _values(
    metric: Metric,
    classifier: Classifier,
    explained: Mapping[str, list[Explanation]],
    explainers: Mapping[str, Explain],
    operator: str,
    seed: int,
) -> dict[str, Array]:
    """The metric's values for each method."""
    if metric.uses_method:
        return {
            method: metric.compute(classifier, e, Conditions(operator, seed, explainers[method]))
            for method, e in explained.items()
        }
    # All at once: what does not depend on the method is computed once.
    together = [e for explanations in explained.values() for e in explanations]
    conditions = Conditions(operator, seed, next(iter(explainers.values())))
    values = metric.compute(classifier, together, conditions)
    return dict(zip(explained, np.split(values, len(explained)), strict=True))
