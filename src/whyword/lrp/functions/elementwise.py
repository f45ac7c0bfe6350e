"""Functions of one tensor that work element by element, or choose among its elements."""

import torch
from torch import Tensor

from whyword.errors import InputError
from whyword.lrp.calls import Call, constant, propagate, register

NAMES = set(
    """
    relu relu6 tanh gelu silu mish elu selu celu leaky_relu softplus softsign hardtanh hardswish
    sigmoid hardsigmoid log_softmax rsqrt sqrt exp log abs pow __pow__ square neg __neg__
    negative clamp clamp_min clamp_max rms_norm std var norm vector_norm dropout
    """.split()
)


@register(*NAMES)
def elementwise(call: Call) -> Tensor:
    """R_x = R_z: activations (Arras et al. 2016, section 2.1), and norms, held constant.

    A softmax's logarithm at the output hands each class's relevance to its own logit.
    """
    x: Tensor = call.argument(0, "input")
    options = {
        name: constant(value)
        for name, value in call.kwargs.items()
        if name not in ("inplace", "input")
    }
    value = call.function(x.detach(), *map(constant, call.args[1:]), **options)
    if value.shape != x.shape:  # a norm or deviation over an axis: of use as a gate only
        return propagate(call, value, lambda R: (torch.zeros_like(x),), x)
    return propagate(call, value, lambda R: (R,), x)


@register("dropout", "dropout1d", "alpha_dropout", "feature_dropout")
def dropout(call: Call) -> Tensor:
    """Nothing, in evaluation mode.

    Raises:
        InputError: If it is active.
    """
    if call.argument(2, "training", True) and call.argument(1, "p", 0.5):
        raise InputError("Dropout is active; call model.eval() before explaining.")
    x: Tensor = call.argument(0, "input")
    return x
