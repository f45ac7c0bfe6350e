"""Which torch function gets which treatment.

The modules of this package hold the functions with a rule. Here stand the names of those that need
none: `ROUTING` functions move numbers around, and autograd's own backward pass moves relevance back
(the winner of a maximum takes all). `GATES` are normalisers and gates: in a product with a signal
they take nothing (Arras et al. 2017, section 3.1, "signal-take-all").
"""

from whyword.lrp.functions import (
    attention,
    elementwise,
    layers,
    packing,
    pooling,
    products,
    recurrent,
    sums,
)

__all__ = ["ELEMENTWISE", "GATES", "GATE_KEEPING", "IN_PLACE", "LAYERS", "ROUTING", "pooling"]

ROUTING = set(
    """
    view view_as reshape reshape_as flatten unflatten ravel
    transpose swapaxes t T mT H permute movedim
    contiguous squeeze unsqueeze expand expand_as broadcast_to repeat repeat_interleave tile
    cat concat concatenate stack hstack vstack split chunk tensor_split unbind
    __getitem__ __setitem__ select narrow gather index_select take_along_dim masked_select unfold
    masked_fill where index_put scatter flip roll pad
    maximum minimum topk sort max_pool2d
    clone alias detach data to type type_as float double half bfloat16 cpu cuda requires_grad_
    """.split()
)
"""Functions that move numbers around."""

IN_PLACE = set("__setitem__ __iadd__ __isub__ __imul__ __itruediv__ __idiv__".split())
"""Functions that change what they read, besides those whose names end in an underscore."""

GATES = {"sigmoid", "softmax", "rsqrt", "hardsigmoid", "std", "var", "norm", "vector_norm"}
"""Functions whose results scale signals: in a product they take no relevance."""

ELEMENTWISE = elementwise.NAMES
"""Functions whose results stand where what they read stood."""

GATE_KEEPING = (
    ROUTING
    | packing.NAMES
    | pooling.NAMES
    | elementwise.NAMES
    | sums.NAMES
    | products.NAMES
    | attention.NAMES
)
"""Functions whose results are gates if all that they read are."""

LAYERS = layers.NAMES | recurrent.NAMES
"""Functions with weights; a composite counts them to know a layer's place in the network."""
