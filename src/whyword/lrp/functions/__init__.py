"""The rules of torch's functions, and lists of the functions that need no rule of their own.

The modules of this package hold the functions with a rule. Listed here are those without: `ROUTING`
functions move numbers around, and autograd's own backward pass moves relevance back (the winner of
a maximum takes all). `GATES` are normalisers and gates: in a product with a signal they take
nothing (Arras et al. 2017, section 3.1, "signal-take-all").
"""

from whyword.lrp.functions import (  # noqa: F401 - whose handlers register themselves
    attention,
    cells,
    complex_numbers,
    contractions,
    convolutions,
    distances,
    elementwise,
    experts,
    fourier,
    layers,
    linear_maps,
    matrices,
    moving,
    norms,
    packing,
    pooling,
    products,
    recurrent,
    scattering,
    sums,
    triangular,
    weighted,
)

__all__ = [
    "ELEMENTWISE",
    "GATES",
    "IN_PLACE",
    "QUESTIONS",
    "ROUTING",
    "STOPS",
    "keeps_gates",
    "pooling",
]

ROUTING = set(
    """
    view view_as reshape reshape_as flatten unflatten ravel
    transpose swapaxes swapdims t T mT mH H permute movedim moveaxis adjoint
    contiguous squeeze unsqueeze expand expand_as broadcast_to broadcast_tensors
    repeat repeat_interleave tile atleast_1d atleast_2d atleast_3d meshgrid
    cat concat concatenate stack hstack vstack dstack column_stack row_stack block_diag
    split chunk tensor_split unbind hsplit vsplit dsplit unsafe_chunk unsafe_split
    split_with_sizes
    __getitem__ __setitem__ select narrow gather index_select take_along_dim masked_select
    diagonal diag diag_embed tril triu as_strided
    masked_fill where index_fill slice_scatter select_scatter
    diagonal_scatter copy zero fill
    flip fliplr flipud roll rot90 pad constant_pad_nd narrow_copy
    pixel_shuffle pixel_unshuffle channel_shuffle
    topk sort msort kthvalue max_pool2d max_pool2d_with_indices max_pool3d
    adaptive_max_pool2d adaptive_max_pool3d
    view_as_complex view_as_real real imag complex fft_fftshift fft_ifftshift
    clone alias to type type_as float double half bfloat16 cpu cuda requires_grad_
    cfloat cdouble
    """.split()
)
"""Functions that move numbers around."""

STOPS = set(
    """
    detach data zeros_like ones_like empty_like full_like rand_like randn_like
    new_zeros new_ones new_empty new_full new_tensor
    """.split()
)
"""Functions whose results are constants, as their users want them to be."""

QUESTIONS = set(
    """
    shape size dim ndim dtype device layout numel nelement stride is_contiguous itemsize
    element_size is_floating_point is_complex is_cuda is_sparse is_quantized
    """.split()
)
"""Functions that ask for a tensor's form, and compute nothing."""

IN_PLACE = set("__setitem__ __iadd__ __isub__ __imul__ __itruediv__ __idiv__ __ipow__".split())
"""Functions that work in place, besides those whose names end in an underscore."""

GATES = norms.GATES | set("sigmoid expit hardsigmoid softmax softplus rsqrt reciprocal".split())
"""Functions whose results scale signals: in a product they take no relevance.

A softplus makes the step sizes of selective state spaces, and so their decay, which MambaLRP holds
constant as well (Jafari et al. 2024); what is written to a state and read from it are signals.
"""

ELEMENTWISE = elementwise.NAMES
"""Functions that work element by element."""

_GATE_KEEPING = (
    moving.NAMES
    | linear_maps.NAMES
    | packing.NAMES
    | pooling.NAMES
    | scattering.NAMES
    | elementwise.NAMES
    | norms.NAMES
    | sums.NAMES
    | weighted.NAMES
    | products.NAMES
    | attention.NAMES
)


def keeps_gates(name: str) -> bool:
    """Whether a function's results are gates if all that it reads are."""
    return name in _GATE_KEEPING or name in ROUTING
