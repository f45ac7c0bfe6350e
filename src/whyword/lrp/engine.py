"""`relevance`: LRP as the backward pass of autograd, with other local rules than gradients.

A model's forward pass runs unmodified under a `TorchFunctionMode` (`whyword.lrp.interception`). The
functions that the embeddings reach keep their values, and

- a function with a rule (`whyword.lrp.functions`) returns it from an autograd function whose
  backward pass carries relevance;
- a routing function (views, indexing, concatenation, maximum) keeps autograd's own backward pass,
  which already hands each input what is due to it;
- any other function whose result depends on the embeddings raises `UnsupportedFunction`.

Two checks follow. The graph that autograd recorded is walked from the scores to the embeddings, and
a node that is neither the engine's nor known to route is refused (`whyword.lrp.audit`). And the
scores are compared with those of the plain model.

The relevance of the embeddings is then ``torch.autograd.grad`` of the scores, started with the
scores themselves. By the paper's rule the pass carries R, since an input of zero gets its share of
bias and stabiliser, which no multiple of the input can express. Rules without shares let it carry
g = R / z, which starts with ones and is multiplied by the embeddings at the end: most functions
then have autograd's own backward pass, no denominator, and little to remember. The composite says
which (`Composite.form`).

The model is not changed: parameters enter as detached constants, modules get no hooks that
outlast the pass (`whyword.lrp.checkpoints` has some), and the mode belongs to the calling thread.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from whyword.errors import InputError, WhywordError
from whyword.lrp import functions
from whyword.lrp.accounting import Account
from whyword.lrp.audit import NeedsRelevance
from whyword.lrp.calls import UnsupportedFunction
from whyword.lrp.checkpoints import Checkpoints, blocks_of
from whyword.lrp.composites import Composite, Form
from whyword.lrp.in_place import ChangedInPlace
from whyword.lrp.interception import Interception
from whyword.lrp.modes import eagerly
from whyword.lrp.scores import check_scores

_TINY = 1e-12
"""The stabiliser of functions that divide relevance while g = R / z is carried elsewhere."""


_AT_ONCE = {"gradient": 2**21, "relevance": 2**26}
"""How many numbers the backward passes of several targets may have at the embeddings, together.

Small products are faster together. Large ones are not, and what lies in cache is: g = R / z is a
few products with weights, and little else. Passes that carry R have more steps, each of which costs
time whatever its size.
"""


_NOT_IN_PARTS = (
    "There is no checkpointing where {}; explain with checkpointing=False, or with rules that have "
    "neither shares nor a stabiliser (Composite.for_transformers)."
)


@dataclass(frozen=True)
class Result:
    """The result of `relevance`.

    Attributes:
        scores: ``(batch, class)`` the scores of the plain model.
        relevance: ``(target, batch, ...)``, shaped like the embeddings behind the first axis.
        form: What the backward pass carried, and why.
        accounts: For each target an account of where the relevance went, if asked for.
    """

    scores: Tensor
    relevance: Tensor
    form: Form
    accounts: list[Account] | None = None


def relevance(
    score: Callable[[Tensor], Tensor],
    embeddings: Tensor,
    targets: Tensor,
    *,
    composite: Composite | None = None,
    model: nn.Module | None = None,
    accounting: bool = False,
    checkpointing: bool = False,
) -> Result:
    """Relevance of every component of the embeddings, by LRP.

    Args:
        score: The model: a function from embeddings to scores ``(batch, class)``. It is called
            once, twice if it changes tensors in place, and once more to compare scores
            (`whyword.lrp.scores`).
        embeddings: ``(batch, ...)``, any shape.
        targets: ``(target, batch, class)`` directions in score space: one-hot for a class, +1 and
            -1 for a contrast. Relevance at the scores is target times score.
        composite: The rules; by default the paper's ε-rule everywhere.
        model: The module that ``score`` runs, for the names of its layers.
        accounting: Whether to account for each call where relevance went; each target then takes a
            backward pass of its own.
        checkpointing: Whether to keep only what goes into the blocks of ``model``, and compute the
            rest again on the way back: less memory for one more forward pass.

    Raises:
        UnsupportedFunction: If a function on the way has no rule.
        InputError: If the scores do not depend on the embeddings, shapes do not fit, or the rules
            or the model do not allow checkpointing.
        ModelError: If the scores are not those of the plain model.
    """
    rules = composite or Composite()
    run = partial(
        _run, score, embeddings, targets, rules,
        model=model, accounting=accounting, checkpointing=checkpointing,
    )  # fmt: skip
    if checkpointing and (accounting or rules.form.carries == "relevance"):
        why = "an account is kept" if accounting else rules.form.why
        raise InputError(_NOT_IN_PARTS.format(why))
    try:
        return run(rules.form)
    except NeedsRelevance as reason:
        if checkpointing:
            raise InputError(_NOT_IN_PARTS.format(reason)) from None
        return run(Form("relevance", str(reason)))


def _run(
    score: Callable[[Tensor], Tensor],
    embeddings: Tensor,
    targets: Tensor,
    composite: Composite,
    form: Form,
    *,
    model: nn.Module | None,
    accounting: bool,
    checkpointing: bool,
) -> Result:
    account = Account() if accounting else None
    gradient = form.carries == "gradient"
    blocks = blocks_of(model) if checkpointing else {}
    outside = torch.autocast(embeddings.device.type, enabled=False)
    with torch.inference_mode(mode=False), torch.enable_grad(), outside, eagerly():
        leaf = embeddings.detach().clone().requires_grad_()
        rules = composite.stabilised(_TINY) if gradient else composite.stabilised()

        def start(leaf: Tensor, *, copying: bool = False) -> Interception:
            options = {"copying": copying, "gradient": gradient}
            return Interception(rules, model, leaf, account, **options)

        seed = torch.get_rng_state()
        cuts = Checkpoints(blocks, start(leaf))
        try:
            scores = _forward(score, cuts)
        except ChangedInPlace:
            torch.set_rng_state(seed)
            start = partial(start, copying=True)
            cuts = Checkpoints(blocks, start(leaf))
            scores = _forward(score, cuts)
        _check_shapes(scores, targets)
        if not scores.requires_grad or not cuts.audit(scores, account):
            raise InputError(_nothing_reached(cuts.interception))
        check_scores(
            score,
            leaf.detach(),
            scores.detach(),
            model,
            cuts.interception.kind,
            precisions=cuts.interception.precisions,
            seed=seed,
        )
        # Classes that a target leaves out take nothing, even if their score is infinite.
        begun = torch.where(targets == 0, 0, targets.to(scores) * scores.detach())
        initial = targets.to(scores) if gradient else begun
        pull = partial(cuts.pull, scores, start=start, at_once=_AT_ONCE[form.carries])

        def relevance(carried: Tensor) -> Tensor:
            found = pull(carried)
            return found * leaf.detach() if gradient else found

        if account is None:
            return Result(scores.detach(), relevance(initial), form)
        rows, accounts = [leaf.new_empty(0, *leaf.shape)], []
        for carried, started in zip(initial, begun, strict=True):
            account.begin(float(started.sum()))
            rows.append(relevance(carried[None]))
            accounts.append(account.finish(float(rows[-1].sum())))
    return Result(scores.detach(), torch.cat(rows), form, accounts)


def _forward(score: Callable[[Tensor], Tensor], cuts: Checkpoints) -> Tensor:
    interception = cuts.interception
    try:
        with cuts, interception:
            return score(interception.leaf.clone())
    except WhywordError:
        raise
    except Exception as error:
        if not _is_ours(error):
            _check_runs(score, interception.leaf.detach(), error)
        raise


def _is_ours(error: Exception) -> bool:
    """Whether a rule raised the error, which is a defect of this package and no refusal."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return Path(frames[-1][0].f_code.co_filename).parent == Path(functions.__file__).parent


def _check_runs(score: Callable[[Tensor], Tensor], embeddings: Tensor, error: Exception) -> None:
    """Refuse a model that runs, but fails where gradients are recorded.

    Raises:
        UnsupportedFunction: If it runs without gradients.
    """
    try:
        with torch.no_grad():
            score(embeddings.clone())
    except Exception:  # the model fails by itself
        return
    raise UnsupportedFunction(
        f"The model runs, but not where gradients are recorded, as they are to explain it: "
        f"{type(error).__name__}: {error}. Switch what needs to run without gradients off, or "
        "write it out."
    ) from error


def _check_shapes(scores: Tensor, targets: Tensor) -> None:
    if not isinstance(scores, Tensor) or scores.ndim != 2 or targets.shape[1:] != scores.shape:
        shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise InputError(
            f"Got scores of {shape} and targets of {tuple(targets.shape)}; expected (batch, class) "
            "and (target, batch, class)."
        )


def _nothing_reached(interception: Interception) -> str:
    message = "The scores do not depend on the embeddings; there is nothing to explain."
    if cuts := interception.routing.cuts:
        return (
            f"{message} The model makes a constant of them by {cuts[0]}: explain "
            "what it computes before, or write it without."
        )
    if not interception.spellings:
        return (
            f"{message} No function of torch was called with them: the model looks its vectors up "
            "elsewhere, or builds them anew. Give those vectors as embeddings."
        )
    return f"{message} Give the tensor that the scores are computed from."
