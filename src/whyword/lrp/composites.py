"""`Composite`: the table of which rule each layer of a model has."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple, Self, get_args

from whyword.errors import InputError
from whyword.lrp.rules import Epsilon, Rule

Attention = Literal["cplrp", "attnlrp"]
Maxima = Literal["winner", "shapley"]

_NEEDED = 1e-6
"""The stabiliser where rules have none, but relevance is divided: it takes almost none itself."""


class Form(NamedTuple):
    """What the backward pass of the engine carries.

    Attributes:
        carries: ``"gradient"`` for g = R / z, ``"relevance"`` for R.
        why: Why it does.
    """

    carries: Literal["gradient", "relevance"]
    why: str


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
    def for_transformers(cls, attention: Attention = "attnlrp", *, epsilon: float = 0.0) -> Self:
        """The rules for transformers: the ε-rule without shares, by default without a stabiliser.

        An input of zero that takes a share of a bias leaves the layer below with relevance that no
        multiple of its output explains; through many layers that grows without bound. So biases
        keep their part, and the remainder says how much.
        """
        rule = Epsilon(epsilon, bias_share=False, stabiliser_share=False)
        return cls(default=rule, sums=rule, attention=attention)

    @property
    def form(self) -> Form:
        """What the backward pass carries by these rules, and why."""
        for rule in self._rules:
            if not isinstance(rule, Epsilon):
                return Form("relevance", f"{type(rule).__name__} shares relevance in its own way")
            if rule.bias_share or rule.stabiliser_share:
                return Form("relevance", "inputs get shares of bias or stabiliser")
            if rule.epsilon:
                return Form("relevance", f"there is a stabiliser of {rule.epsilon:g}")
        return Form("gradient", "no rule has shares or a stabiliser")

    @property
    def _rules(self) -> list[Rule]:
        named = (self.layers, self.places, self.functions)
        return [self.default, self.sums, *(rule for rules in named for rule in rules.values())]

    def stabilised(self, epsilon: float = _NEEDED) -> Self:
        """The same rules with a stabiliser where they have none, so that relevance can be divided.

        Args:
            epsilon: The stabiliser.
        """

        def more(rule: Rule) -> Rule:
            if isinstance(rule, Epsilon) and not rule.epsilon:
                return replace(rule, epsilon=epsilon)
            return rule

        return replace(
            self,
            default=more(self.default),
            layers={key: more(rule) for key, rule in self.layers.items()},
            places={key: more(rule) for key, rule in self.places.items()},
            functions={key: more(rule) for key, rule in self.functions.items()},
            sums=replace(self.sums, epsilon=self.sums.epsilon or epsilon),
        )

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
