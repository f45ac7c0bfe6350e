"""The linear model beside another, and the best of several kinds."""

from dataclasses import replace

from whyword.errors import InputError
from whyword.models import store
from whyword.training.comparison import Comparison
from whyword.training.kinds import Run, Trained, train_kind
from whyword.training.recipe import Recipe

LINEAR = "linear"
"""The folder of the linear model, in that of the run."""


def with_linear(run: Run, recipe: Recipe) -> Trained:
    """Train a model, and the linear one beside it."""
    if recipe.kind == store.LINEAR:
        return train_kind(run, recipe, run.directory)
    try:
        linear = train_kind(run, _linear_of(recipe), run.directory / LINEAR)
    except InputError as error:  # too little text for it may be enough for the other
        trained = train_kind(run, recipe, run.directory)
        trained.report["linear"] = None
        trained.report["advice"] = [f"No linear model could be trained beside it: {error}"]
        return trained
    store.save(linear.model, run.directory / LINEAR)
    trained = train_kind(run, recipe, run.directory)
    compared = _compared(recipe, trained, linear)
    trained.linear = linear.model
    trained.report["linear"] = {
        "folder": LINEAR,
        "penalty": linear.report["penalty"],
        "training_seconds": linear.report["training_seconds"],
        **compared.to_dict(),
    }
    trained.report["advice"] = [compared.advice(recipe.kind, has_base=_has_base(recipe))]
    return trained


def best_of(run: Run, recipe: Recipe) -> Trained:
    """Train a linear model, a CNN and, with a base, its head; the best on the validation part.

    Of equally good ones the simplest is taken. Each has a folder of its own.
    """
    recipes = {store.LINEAR: _linear_of(recipe), "cnn": replace(recipe, kind="cnn", settings={})}
    if recipe.settings.get("base"):
        recipes[store.TRANSFORMER] = replace(
            recipe, kind=store.TRANSFORMER, settings=dict(recipe.settings), vectors=None
        )
    trained, found, compared = {}, {}, {}
    quality = f"validation_{run.objective(recipe).chosen_by.replace(' ', '_').lower()}"
    for kind, one in recipes.items():
        trained[kind] = train_kind(run, one, run.directory / kind)
        store.save(trained[kind].model, run.directory / kind)
        found[kind] = trained[kind].report[quality]
        if kind != store.LINEAR:
            compared[kind] = _compared(one, trained[kind], trained[store.LINEAR])
    best = max(found, key=lambda kind: found[kind])
    chosen = trained[best]
    chosen.report["candidates"] = {
        kind: {
            "folder": kind,
            quality: found[kind],
            "training_seconds": trained[kind].report["training_seconds"],
            **({"beside_linear": compared[kind].to_dict()} if kind in compared else {}),
        }
        for kind in recipes
    }
    numbers = ", ".join(f"{kind} {value:.2%}" for kind, value in found.items())
    chosen.report["advice"] = [
        f"Kept: {best}, which is best on the validation part ({numbers}).",
        *(each.advice(kind, has_base=_has_base(recipe)) for kind, each in compared.items()),
    ]
    return chosen


def _compared(recipe: Recipe, trained: Trained, linear: Trained) -> Comparison:
    """A model beside the linear one, on the validation part."""
    seed = recipe.training.seed
    return Comparison.of(trained.validated.right, linear.validated.right, seed=seed)


def _linear_of(recipe: Recipe) -> Recipe:
    """The recipe of the linear model beside another."""
    training = replace(recipe.training, vector_rate=None, suppress=())
    return Recipe(store.LINEAR, training=training)


def _has_base(recipe: Recipe) -> bool:
    return bool(recipe.settings.get("base"))
