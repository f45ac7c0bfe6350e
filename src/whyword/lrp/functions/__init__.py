"""Which torch function gets which treatment.

The modules of this package hold the functions with a rule. Here stand the names of those that need
none: `ROUTING` functions move numbers around, and autograd's own backward pass moves relevance back
(the winner of a maximum takes all). `GATES` are normalisers and gates: in a product with a signal
they take nothing (Arras et al. 2017, section 3.1, "signal-take-all").
"""

from whyword.lrp.functions import elementwise, layers, products, recurrent, sums

__all__ = ["GATES", "GATE_KEEPING", "LAYERS", "ROUTING"]

ROUTING = set(
    """
    view view_as reshape flatten unflatten ravel transpose swapaxes t T mT H permute movedim
    contiguous squeeze unsqueeze expand expand_as broadcast_to repeat repeat_interleave tile
    cat concat concatenate stack hstack vstack split chunk tensor_split unbind
    __getitem__ select narrow gather index_select take_along_dim masked_select unfold
    masked_fill where index_put scatter flip roll pad
    max min maximum minimum topk sort max_pool1d max_pool2d max_pool1d_with_indices
    adaptive_max_pool1d
    clone alias detach data to type type_as float double half bfloat16 cpu cuda requires_grad_
    _pack_padded_sequence _pad_packed_sequence
    """.split()
)
"""Functions that move numbers around."""

GATES = {"sigmoid", "softmax", "rsqrt", "hardsigmoid", "std", "var", "norm", "vector_norm"}
"""Functions whose results scale signals: in a product they take no relevance."""

GATE_KEEPING = ROUTING | elementwise.NAMES | sums.NAMES | products.NAMES
"""Functions whose results are gates if all that they read are."""

LAYERS = layers.NAMES | recurrent.NAMES
"""Functions with weights; a composite counts them to know a layer's place in the network."""
