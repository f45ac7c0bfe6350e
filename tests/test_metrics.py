"""The table of metrics and methods."""

import json
import math
from collections.abc import Sequence
from functools import partial
from typing import cast

import numpy as np
import pytest

from models import Bag, random_cnn
from test_faithfulness import TEXT, relevant, toy
from whyword import Document, Explanation, InputError, PerText, explain
from whyword.classifier import Classifier
from whyword.evaluation import faithfulness, infidelity, sanity
from whyword.evaluation.again import Explain
from whyword.evaluation.documents import Documents
from whyword.evaluation.measurements import Measurement
from whyword.evaluation.metrics import METRICS, check, measure, measure_documents
from whyword.evaluation.settings import Settings, Target
from whyword.targets import Targets

TEXTS = ["alpha beta gamma", "beta beta gamma alpha", "gamma alpha kappa iota", "alpha"]


def by_name(table: Sequence[Measurement]) -> dict[tuple[str, str], Measurement]:
    return {(row.metric, row.method): row for row in table}


def test_every_metric_of_every_method_is_what_its_function_says() -> None:
    model = random_cnn(1).double()
    rows = by_name(measure(model, TEXTS, ["lrp", "sa"]))
    assert set(rows) == {(metric, method) for metric in METRICS for method in ("lrp", "sa")}
    for method in ("lrp", "sa"):
        again = cast("Explain", partial(explain, method=method))
        e = again(model, TEXTS, targets="predicted")
        expected = {
            "srg": faithfulness.symmetric_relevance_gain(model, e),
            "comprehensiveness": faithfulness.comprehensiveness(model, e),
            "sufficiency": faithfulness.sufficiency(model, e),
            "log_odds": faithfulness.log_odds(model, e),
            "loo_kendall": faithfulness.leave_one_out_agreement(model, e),
            "loo_spearman": faithfulness.leave_one_out_agreement(model, e, coefficient="spearman"),
            "infidelity": infidelity.infidelity(model, e),
            "infidelity_normalized": infidelity.infidelity(model, e, normalize=True),
            "max_sensitivity": infidelity.max_sensitivity(model, e, again),
            "model_randomisation": sanity.model_randomisation(model, e, again).correlation[-1],
            "random_logit": sanity.random_logit(model, e, again),
            "conservation_residual": sanity.conservation_residual(e),
        }
        assert set(expected) == set(METRICS)
        for metric, values in expected.items():
            row = rows[metric, method]
            np.testing.assert_allclose(row.values, values, atol=1e-12, err_msg=metric)
            np.testing.assert_allclose(row.mean, np.nanmean(values), atol=1e-12)
            assert row.low - 1e-6 <= row.mean <= row.high + 1e-6


def test_the_best_methods_are_known_for_a_linear_model() -> None:
    """w · x loses to no order of the words, and has no error."""
    methods = ("gradient_x_input", "sa", "random")
    texts = [f"{TEXT} {a} {b}" for a in TEXT.split() for b in TEXT.split()]
    metrics = list(METRICS)
    rows = by_name(measure(toy(), texts, methods, metrics, targets="a"))
    for name in ("srg", "comprehensiveness", "sufficiency", "log_odds"):
        sign = 1 if METRICS[name].better == "higher" else -1
        best = sign * rows[name, "gradient_x_input"].values
        assert all((best >= sign * rows[name, other].values - 1e-12).all() for other in methods)
    assert rows["infidelity", "gradient_x_input"].mean < 1e-20
    assert rows["conservation_residual", "gradient_x_input"].mean < 1e-12
    assert rows["loo_kendall", "gradient_x_input"].mean == pytest.approx(1)


def test_methods_with_settings_and_of_ones_own() -> None:
    model = random_cnn(2).double()

    def reversed_lrp(
        classifier: Classifier, texts: Sequence[str | Document], /, *, targets: Targets
    ) -> list[Explanation]:
        found = explain(classifier, texts, targets=targets)
        return [
            type(e)(**{**vars(e), "relevance": -e.relevance, "remainder": {"rest": np.zeros(1)}})
            for e in found
        ]

    l2 = cast("Explain", partial(explain, method="sa", norm="l2"))
    methods = {"l2": l2, "reversed": reversed_lrp}
    rows = by_name(measure(model, TEXTS, methods, ["srg", "conservation_residual"]))
    plain = by_name(measure(model, TEXTS, ["lrp"], ["srg"]))
    np.testing.assert_allclose(rows["srg", "reversed"].values, -plain["srg", "lrp"].values)
    assert ("srg", "l2") in rows


def test_targets_operator_and_seed_arrive() -> None:
    model = random_cnn(3).double()
    names = PerText(["a", "b", "c", "a"])
    rows = by_name(measure(model, TEXTS, ["lrp"], ["srg"], targets=names, operator="remove"))
    e = explain(model, TEXTS, targets=names)
    expected = faithfulness.symmetric_relevance_gain(model, e, operator="remove")
    np.testing.assert_allclose(rows["srg", "lrp"].values, expected)
    seeded = ("infidelity", "max_sensitivity", "model_randomisation")
    first = by_name(measure(model, TEXTS, ["lrp"], seeded, seed=1))
    second = by_name(measure(model, TEXTS, ["lrp"], seeded, seed=2))
    for name in seeded:
        assert first[name, "lrp"].mean != second[name, "lrp"].mean


def test_what_is_not_defined_is_left_out_of_the_mean() -> None:
    rows = measure(toy(), ["", TEXT], ["lrp"], ["srg", "loo_kendall"], targets="a")
    for row in rows:
        assert row.to_dict()["texts"] == 1
        assert row.mean == row.values[1]
    row = measure(toy(), [""], ["lrp"], ["srg"], targets="a")[0]
    assert math.isnan(row.mean)
    written = json.dumps(row.to_dict(), allow_nan=False)
    assert json.loads(written) == {
        "method": "lrp",
        "metric": "srg",
        "better": "higher",
        "texts": 0,
        "mean": None,
        "low": None,
        "high": None,
    }


def test_what_cannot_be_measured_is_refused() -> None:
    model = Bag({"alpha": (1.0, 0.0)}, (0.0, 0.0))
    with pytest.raises(InputError, match='There is no metric "sgr"'):
        measure(model, TEXTS, ["lrp"], ["sgr"])
    with pytest.raises(InputError, match='There is no method "lpr"'):
        measure(model, TEXTS, ["lpr"], ["srg"])
    with pytest.raises(InputError, match="Got no text"):
        measure(model, [], ["lrp"])
    with pytest.raises(InputError, match="Got no method"):
        measure(model, TEXTS, [])
    with pytest.raises(InputError, match='removal "none"'):
        measure(model, TEXTS, ["lrp"], ["srg"], operator="none")


def test_relevances_from_elsewhere_are_measured_like_a_methods() -> None:
    """But by metrics that explain again, which they cannot."""
    model = random_cnn(4).double()
    e = explain(model, TEXTS, method="sa", targets="predicted")
    both = measure(model, TEXTS, ["lrp", "sa"], given={"mine": e})
    rows = by_name(both)
    for name, metric in METRICS.items():
        if metric.uses_method:
            assert (name, "mine") not in rows
        else:
            np.testing.assert_array_equal(rows[name, "mine"].values, rows[name, "sa"].values)
    alone = measure(model, TEXTS, [], ["srg"], given={"mine": e})
    assert [(row.metric, row.method) for row in alone] == [("srg", "mine")]
    with pytest.raises(InputError, match='"max_sensitivity" explains texts again'):
        measure(model, TEXTS, [], ["srg", "max_sensitivity"], given={"mine": e})
    with pytest.raises(InputError, match='"sa" names a method and relevances'):
        measure(model, TEXTS, ["sa"], ["srg"], given={"sa": e})
    with pytest.raises(InputError, match='"mine" has 2 explanations; expected one for each of 4'):
        measure(model, TEXTS, ["lrp"], ["srg"], given={"mine": e[:2]})


@pytest.mark.parametrize("target", ["true", "predicted"])
def test_documents_of_an_experiment_with_its_target_operator_and_seed(target: Target) -> None:
    model = random_cnn(5).double()
    documents = Documents(
        tuple("wxyz"),
        tuple(model.documents(TEXTS)),
        np.array([0, 1, 2, 1]),
        np.array([model(model.encode([text])).argmax().item() for text in TEXTS]),
    )
    settings = Settings(target=target, operator="mean", seed=3)
    tables = {"mine": lambda docs, _: [np.arange(len(d), dtype=float) for d in docs.documents]}
    found = measure_documents(
        model, documents, ["lrp"], ["srg", "infidelity"], tables=tables, settings=settings
    )
    names = [model.classes[c] for c in settings.targets(documents)]
    expected = measure(
        model, TEXTS, ["lrp"], ["srg", "infidelity"],
        targets=PerText(names), operator="mean", seed=3,
    )  # fmt: skip
    rows = by_name(found)
    for row in expected:
        np.testing.assert_array_equal(rows[row.metric, row.method].values, row.values)
        assert rows[row.metric, row.method].documents == ("w", "x", "y", "z")
    # The last words count most, whatever the model says.
    e = explain(model, TEXTS, method="lrp", targets=PerText(names))
    ranked = [relevant(one, np.arange(len(one.spans))) for one in e]
    srg = faithfulness.symmetric_relevance_gain(model, ranked, operator="mean")
    np.testing.assert_array_equal(rows["srg", "mine"].values, srg)


def test_progress_counts_methods() -> None:
    told = []
    measure(
        random_cnn(1), TEXTS, ["lrp", "sa"], ["srg", "random_logit"],
        progress=lambda at: told.append(at[:3]),
    )  # fmt: skip
    assert told == [
        ("explaining", 1, 2), ("explaining", 2, 2),
        ("srg", 0, 2), ("srg", 2, 2),
        ("random_logit", 0, 2), ("random_logit", 1, 2), ("random_logit", 2, 2),
    ]  # fmt: skip


def test_a_metric_twice_or_none_is_refused() -> None:
    with pytest.raises(InputError, match="Got a metric twice: srg, srg"):
        check(["srg", "srg"], methods=["lrp"])
    with pytest.raises(InputError, match="Got no metric"):
        check([], methods=["lrp"])
