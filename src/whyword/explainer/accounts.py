"""`account`: where the relevance of one text went, function by function."""

from dataclasses import replace

from whyword.errors import InputError
from whyword.lrp import Account, Composite
from whyword.methods.propagation import rules_for, through_engine
from whyword.models.adapting import Explainable, as_classifier
from whyword.targets import Target, resolve
from whyword.text import Document


def account(
    classifier: Explainable,
    text: str | Document,
    *,
    target: Target = "predicted",
    composite: Composite | None = None,
) -> Account:
    """Account for relevance: what each torch function of the model received, passed on and lost.

    The functions are those between the embeddings and the target's score. The model runs through
    the engine of LRP (`whyword.lrp`), also where it has a faster closed form.

    Args:
        classifier: The model, as for `explain`.
        text: One text.
        target: What to explain, as for `explain`: one class or contrast.
        composite: The rules of LRP; by default those of `whyword.methods.lrp`.

    Raises:
        InputError: If there is no such target, or it stands for several classes.
        UnsupportedFunction: If the model calls a function that has no rule.
    """
    model = as_classifier(classifier)
    if not isinstance(target, Target):
        raise InputError(f'Got {target!r}; expected one class or contrast, or "predicted".')
    batch = model.encode([text])
    names, weights = resolve(target, model, batch)
    if len(weights) != 1:
        raise InputError(
            f'Got the target "{target}", which is {len(weights)} classes; an account is of one '
            'class or contrast, or of the "predicted" class.'
        )
    rules = composite or rules_for(model)
    found, _ = through_engine(model, batch, weights, composite=rules, accounting=True)
    (one,) = found.accounts or []
    return replace(one, target=names[0][0])
