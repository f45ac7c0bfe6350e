"""`Composite`: the table of which rule each layer of a model has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, Self, get_args

from whyword.errors import InputError
from whyword.lrp.rules import Epsilon, Rule

Attention = Literal["cplrp", "attnlrp"]
Maxima = Literal["winner", "shapley"]

_TRANSFORMER_EPSILON = 1e-6
"""Small enough to take almost no relevance, large enough to divide zero by."""


@dataclass(frozen=True)
class Composite:
    """Which rule each linear layer has: by name, by place, by function, or the default.

    Example:
        The ε-rule at the top, the γ-rule below, and the w²-rule at the embeddings:

        >>> from whyword.lrp import Epsilon, Gamma, WSquare
        >>> composite = Composite(default=Gamma(0.25), places={-1: Epsilon(), 0: WSquare()})
        >>> composite.rule_for("linear", "output", place=1, layers=2)
        Epsilon(epsilon=0.01, bias_share=True, stabiliser_share=True)
        >>> composite.rule_for("conv1d", "convolutions.0", place=0, layers=2)
        WSquare(epsilon=1e-09)

    Attributes:
        default: The rule of layers that none of the following names.
        layers: Rules by patterns (``*``, ``?``) of the qualified names of the modules that hold the
            weights; the first pattern that fits counts.
        places: Rules by place in the network: 0 is a layer that reads the embeddings, -1 the last
            one before the scores. A layer's place is the number of layers with weights on the
            longest way from the embeddings to it.
        functions: Rules by the name of the torch function (``"linear"``, ``"conv1d"``, ``"lstm"``).
        sums: The rule of sums without weights: residual connections, pooling by mean, attention,
            normalisation, recurrent cells. Sums over positions share the stabiliser in proportion
            to the summands, so that padding gets nothing.
        attention: How relevance goes through a softmax. ``"cplrp"``: it is a gate, which takes no
            relevance (Ali et al. 2022, section 3.1), as in recurrent networks. ``"attnlrp"``: it is
            a signal, linearised, and its products with values share relevance in halves (Achtibat
            et al. 2024).
        maxima: How a maximum over an axis is shared: with ``"winner"`` the largest takes all, with
            ``"shapley"`` all share it by Shapley value (`whyword.lrp.maxima`).

    Raises:
        InputError: If ``attention`` or ``maxima`` is none of these.
    """

    default: Rule = field(default_factory=Epsilon)
    layers: Mapping[str, Rule] = field(default_factory=dict)
    places: Mapping[int, Rule] = field(default_factory=dict)
    functions: Mapping[str, Rule] = field(default_factory=dict)
    sums: Epsilon = field(default_factory=Epsilon)
    attention: Attention = "cplrp"
    maxima: Maxima = "winner"

    def __post_init__(self) -> None:
        for name, kinds in {"attention": Attention, "maxima": Maxima}.items():
            if (given := getattr(self, name)) not in get_args(kinds):
                expected = ", ".join(get_args(kinds))
                raise InputError(f'Got {name}="{given}"; expected one of: {expected}.')

    @classmethod
    def for_transformers(
        cls, attention: Attention = "attnlrp", *, epsilon: float = _TRANSFORMER_EPSILON
    ) -> Self:
        """The rules for transformers: the ε-rule without shares of bias and stabiliser, a small ε.

        An input of zero that takes a share of a bias leaves the layer below with relevance that no
        multiple of its output explains; through many layers that grows without bound. So biases
        and stabilisers keep their part, and the remainder says how much.
        """
        rule = Epsilon(epsilon, bias_share=False, stabiliser_share=False)
        return cls(default=rule, sums=rule, attention=attention)

    def rule_for(self, function: str, layer: str, *, place: int = 0, layers: int = 1) -> Rule:
        """The rule of one call.

        Args:
            function: Name of the torch function.
            layer: Qualified name of the module that holds the weights.
            place: Number of layers before it, on the longest way from the embeddings.
            layers: Number of layers on the longest way from embeddings to scores.
        """
        for pattern, rule in self.layers.items():
            if fnmatchcase(layer, pattern):
                return rule
        for at in (place, place - layers):
            if at in self.places:
                return self.places[at]
        return self.functions.get(function, self.default)
