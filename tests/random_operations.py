# ruff: noqa: E501 - a spelling is one line
"""Random operations on tensors of any shape, in random spellings, with their second derivations.

`operation` draws a function, its arguments and a spelling of them, among those of torch, of
methods, of `torch.nn.functional` and of NumPy (``axis``, ``keepdims``).
"""

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import reference_rules as ref
from conformance import Operation
from operations import _DOMAINS, _IN, _MULTIPLES, _PLAIN, _ways, passes
from reference_rules import Signal

Drawn = tuple[str, str, Callable[..., Signal]]
"""A spelling, the same in torch's own words, and the second derivation."""


class Parameters(nn.Module):
    """The weights of one composition, made as they are needed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.w = nn.ParameterList()
        self.generator = torch.Generator().manual_seed(seed)

    def new(self, *shape: int) -> str:
        """The name of new weights."""
        numbers = torch.randn(shape, dtype=torch.float64, generator=self.generator)
        self.w.append(nn.Parameter(numbers))
        return f"m.w[{len(self.w) - 1}]"


def operation(draw: random.Random, shape: tuple[int, ...], m: Parameters) -> tuple[str, Operation]:
    """A spelling and its operation, for a tensor of such a shape ``(batch, position, dimension)``."""
    # With one position a constant is a number per output: the bias of a layer before it.
    wide, long = int(shape[2] > 1), int(shape[1] > 1)
    kind = draw.choices(KINDS, weights=[3, 3, 3, 2, 3, 2, 2, 2, long, wide])[0]
    code, own, reference = kind(draw, shape, m)
    drops = kind in (convolutions, moving, mixtures)  # constants, and zeros that pad, take some
    return code, Operation(kind.__name__, "random", "", (own,), reference, drops=drops)


def options(draw: random.Random, *pairs: tuple[str, Any]) -> str:
    """Arguments by position up to a random place, then by keyword in a random order."""
    at = draw.randint(0, len(pairs))
    named = [f"{name}={value}" for name, value in pairs[at:]]
    draw.shuffle(named)
    return ", ".join([str(value) for _, value in pairs[:at]] + named)


def reducing(draw: random.Random, name: str, axis: int, keep: bool) -> str:
    """A reduction over an axis in one of its spellings."""
    dim, keepdim = draw.choice([("dim", "keepdim"), ("axis", "keepdims"), ("dim", "keepdims")])
    if name in ("logsumexp", "log_softmax", "softmax", "norm", "cumsum"):
        dim, keepdim = "dim", "keepdim"
    given = [f"{dim}={axis}"] if name == "norm" or draw.random() < 0.6 else [str(axis)]
    if keep:
        given.append(f"{keepdim}=True")
    way = draw.choice(["x.{n}({a})", "torch.{n}(x, {a})", "torch.{n}(input=x, {a})"])
    if "input=" in way and "=" not in given[0]:
        given[0] = f"{dim}={given[0]}"
    return way.format(n=name, a=", ".join(given))


def elementwise(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    groups = {"": _PLAIN, **_IN}
    domain = draw.choice(list(groups))
    name = draw.choice(groups[domain].split())
    ways = _ways(name, _DOMAINS[domain])
    if name in _MULTIPLES:
        factor = -1.0 if name.startswith("neg") else 1.0
        return draw.choice(ways), ways[0], lambda x, f, _: ref.multiple(x, factor)
    return draw.choice(ways), ways[0], passes()


def numbers(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    c = round(draw.uniform(-2, 2), 2) or 0.5
    what = draw.choice(["add", "sub", "mul", "div", "pow", "clamp", "rsub", "gate"])
    if what == "gate":
        name = draw.choice(["sigmoid", "expit", "hardsigmoid"])
        ways = _ways(name, "x")
        return draw.choice(ways), ways[0], passes(gate=True)
    if what == "pow":
        n = draw.choice([2, 3])
        ways = [f"x ** {n}", f"x.pow({n})", f"torch.pow(x, exponent={n})", f"torch.pow(exponent={n}, input=x)"]  # fmt: skip
        return draw.choice(ways), ways[0], passes()
    if what == "clamp":
        low, high = sorted((c, c + abs(draw.uniform(0.1, 2))))
        pairs = (("min", low), ("max", round(high, 2)))
        name = draw.choice(["torch.clamp(x, ", "torch.clip(x, ", "x.clamp(", "x.clip("])
        return f"{name}{options(draw, *pairs)})", f"x.clamp({low}, {round(high, 2)})", passes()
    sign = {"add": f"x + {c}", "sub": f"x - {c}", "mul": f"x * {c}", "div": f"x / {c}", "rsub": f"{c} - x"}[what]  # fmt: skip
    ways = [sign] if what == "rsub" else [
        sign, f"torch.{what}(x, {c})", f"torch.{what}(input=x, other={c})", f"x.{what}(other={c})",
        f"y = x.clone(); y.{what}_({c}); return y",
    ]  # fmt: skip
    if what in ("mul", "div"):
        return (
            draw.choice(ways),
            sign,
            lambda x, f, _: ref.multiple(x, c if what == "mul" else 1 / c),
        )
    if what == "rsub":
        return draw.choice(ways), sign, lambda x, f, _: ref.shifted(x, c, weight=-1)
    return draw.choice(ways), sign, lambda x, f, _: ref.shifted(x, c if what == "add" else -c)


def reductions(draw: random.Random, shape: Any, m: Parameters) -> Drawn:  # noqa: PLR0911
    axis = draw.choice([1, 2, -1, -2])
    keep = draw.random() < 0.5

    def spread(R: Tensor) -> Tensor:
        return R if keep else R.unsqueeze(axis % 3)

    what = draw.choice("sum mean std var logsumexp norm prod amax amin max min median sums".split())
    if what == "sums":
        what, axes = draw.choice(["sum", "mean"]), draw.choice(["(1, 2)", "[-1, 1]", "(2, -2)"])
        word = draw.choice(["dim", "axis"])
        own = f"x.{what}(dim={axes})"
        return draw.choice([own, f"torch.{what}(input=x, {word}={axes}, keepdim=True)", f"x.{what}({axes})"]), own, lambda x, f, _: ref.mixture(x, f)  # fmt: skip
    code = reducing(draw, what, axis, keep)
    own = f"x.{what}(dim={axis}, keepdim={keep})"
    if what in ("max", "min", "median"):
        code, own = f"{code}{draw.choice(['.values', '[0]'])}", f"{own}.values"
    if what in ("sum", "mean"):
        return code, own, lambda x, f, _: ref.mixture(x, f)
    if what in ("amax", "amin", "max", "min", "median"):
        return code, own, lambda x, f, _: ref.moved(x, f)
    if what == "logsumexp":
        return code, own, lambda x, f, _: ref.by_weights(x, f, x.value.softmax(axis), spread)
    if what == "prod":
        n = shape[axis % 3]
        return code, own, lambda x, f, _: ref.by_weights(x, f, torch.full_like(x.value, 1 / n), spread)  # fmt: skip
    if what == "norm":
        return code, own, lambda x, f, _: ref.contributions(x, f, x.value.square(), spread)

    def parts(x: Signal, f: Any, _: Any) -> Signal:
        return ref.contributions(
            x, f, x.value * (x.value - x.value.mean(axis, keepdim=True)), spread
        )

    return code, own, parts


def softmaxes(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    axis = draw.choice([1, 2, -1, -2])
    ways = [
        reducing(draw, "softmax", axis, False), f"torch.softmax(x, axis={axis})",
        f"torch.nn.functional.softmax(input=x, dim={axis})", f"torch.special.softmax(x, {axis})",
        f"nn.Softmax(dim={axis})(x)",
    ]  # fmt: skip
    if draw.random() < 0.3:
        own = f"x.log_softmax({axis})"
        return reducing(draw, "log_softmax", axis, False), own, lambda x, f, _: ref.passing(x, f)
    return draw.choice(ways), f"x.softmax({axis})", lambda x, f, _: ref.softmax(x, axis)


def layers(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    width, out = shape[2], draw.randint(1, 6)
    W, b = m.new(out, width), m.new(out)
    own = f"F.linear(x, {W})"
    ways = [
        own, f"x @ {W}.T", f"torch.matmul(input=x, other={W}.mT)", f"({W} @ x.mT).mT",
        f'torch.einsum("bpd,od->bpo", x, {W})', f"torch.tensordot(x, {W}, dims=([2], [1]))",
        f"torch.inner(input=x, other={W})", f"F.linear(weight={W}, input=x)",
        f"torch.einsum('od,...d->...o', {W}, x)", f"x.matmul(other={W}.t())",
    ]  # fmt: skip
    if draw.random() < 0.5:
        own = f"F.linear(x, {W}, {b})"
        ways = [
            own, *(f"{way} + {b}" for way in ways if not way.endswith(".mT")), f"F.linear({options(draw, ('input', 'x'), ('weight', W), ('bias', b))})",
            f"torch.add({b}, x @ {W}.T)",
            f"torch.addmm(input={b}, mat1=x.flatten(0, 1), mat2={W}.T).unflatten(0, x.shape[:2])",
        ]  # fmt: skip
    return draw.choice(ways), own, lambda x, f, _: ref.layer(x, f)


def convolutions(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    channels = shape[1]
    groups = draw.choice([g for g in (1, 2, 3) if channels % g == 0])
    out, size = groups * draw.randint(1, 3), draw.randint(1, 3)
    b = draw.choice(["None", m.new(out)])
    if draw.random() < 0.3:
        W = m.new(channels, out // groups, size)
        stride = draw.randint(1, 3)
        pairs: tuple[tuple[str, object], ...] = (
            ("input", "x"), ("weight", W), ("bias", b), ("stride", stride),
            ("padding", draw.randint(0, size - 1)), ("output_padding", draw.randint(0, stride - 1)),
            ("groups", groups), ("dilation", 1),
        )  # fmt: skip
        name = "F.conv_transpose1d"
    else:
        W = m.new(out, channels // groups, size)
        pairs = (
            ("input", "x"), ("weight", W), ("bias", b), ("stride", draw.randint(1, 3)),
            ("padding", draw.randint(0, 2)), ("dilation", draw.randint(1, 2)), ("groups", groups),
        )  # fmt: skip
        name = "F.conv1d"
    own = f"{name}({', '.join(str(v) for _, v in pairs)})"
    code = f"{draw.choice([name, name.replace('F.', 'torch.')])}({options(draw, *pairs)})"
    return code, own, lambda x, f, _: ref.layer(x, f)


def moving(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    axis = draw.choice([1, 2])
    n = shape[axis]
    at = draw.randrange(n)
    many = draw.randint(1, n - at)
    index = [draw.randrange(n) for _ in range(draw.randint(1, 4))]
    before, behind = draw.randint(0, 2), draw.randint(1, 2)
    back = axis - 3
    ways = draw.choice([
        [f"x.narrow({axis}, {at}, {many})", f"torch.narrow(input=x, dim={axis}, start={at}, length={many})", f"x.narrow({back}, start={at}, length={many})", f"x.split([{at}, {many}, {n - at - many}], dim={axis})[1]"],
        [f"x.index_select({axis}, torch.tensor({index}))", f"torch.index_select(x, dim={axis}, index=torch.tensor({index}))", f"x[{':, ' * axis}{index}]", f"torch.take_along_dim(x, torch.tensor({index}).view({'1, -1, 1' if axis == 1 else '1, 1, -1'}), dim={axis})"],
        [f"x.select({axis}, {at})", f"torch.select(input=x, dim={axis}, index={at})", f"x[{':, ' * axis}{at}]", f"x.unbind({axis})[{at}]", f"torch.unbind(x, dim={back})[{at}]"],
        ["x.transpose(1, 2)", "x.mT", "torch.permute(x, dims=(0, 2, 1))", "x.swapaxes(axis0=1, axis1=2)", "torch.movedim(x, source=1, destination=2)"],
        [f"x.flip({axis})", f"torch.flip(x, dims=({back},))", f"torch.flip(input=x, dims=[{axis}])"],
        [f"x.roll({at}, {axis})", f"torch.roll(x, shifts={at}, dims={axis})", f"torch.roll(input=x, dims=({axis},), shifts=({at},))"],
        [f"torch.cat([x, x.flip({axis})], {axis})", f"torch.cat((x, x.flip({axis})), dim={back})", f"torch.concat(tensors=[x, x.flip({axis})], dim={axis})", f"torch.concatenate([x, x.flip({axis})], axis={axis})"],
        [f"x.repeat(1, {many}, 2)", f"torch.tile(x, (1, {many}, 2))", f"x.tile(({many}, 2))"],
        [f"x.repeat_interleave(2, {axis})", f"torch.repeat_interleave(x, repeats=2, dim={axis})", f"torch.repeat_interleave(input=x, dim={back}, repeats=2)"],
        [f"F.pad(x, ({before}, {behind}))", f"F.pad(input=x, pad=({before}, {behind}), value=0.0)", f"torch.constant_pad_nd(x, pad=[{before}, {behind}])"],
        [f"x.tril({at - 1})", f"torch.tril(x, diagonal={at - 1})", f"y = x.clone(); y.tril_({at - 1}); return y"],
        [f"x.unfold({axis}, {many}, 1)", f"x.unfold(dimension={axis}, size={many}, step=1)"],
        ["torch.stack([x, x.flip(1)], 2)", "torch.stack(tensors=[x, x.flip(1)], dim=2)", "torch.stack((x, torch.fliplr(x)), dim=-2)"],
        [f"x.masked_fill(torch.arange({shape[2]}) == {draw.randrange(shape[2])}, 0.5)"],
        [f"torch.where(torch.arange({shape[2]}) % 2 == {draw.randrange(2)}, x, 0.3)"],
        [f"x.sort({axis}).values", f"torch.sort(x, dim={back})[0]", f"x.gather({axis}, x.argsort({axis}))"],
        [f"x.topk({many}, {axis}).values", f"torch.topk(input=x, k={many}, dim={axis})[0]"],
        [f"x.cummax({axis}).values", f"torch.cummax(x, dim={axis})[0]"],
        [f"F.max_pool1d(x, {draw.randint(1, shape[2])})"],
        [f"y = x.clone(); y[:, {draw.randrange(shape[1])}] = 0.25; return y"],
        [f"torch.diagonal(x, {draw.randint(0, 1)}, 1, 2)"],
        ["x.clone()", "x.contiguous()", "x.to(torch.float64)", "torch.clone(input=x)"],
    ])  # fmt: skip
    own = ways[0]
    if own == "x.clone()":
        return draw.choice(ways), own, lambda x, f, _: x
    return draw.choice(ways), own, lambda x, f, _: ref.moved(x, f)


def mixtures(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    size = draw.randint(1, shape[2])
    stride = draw.randint(1, size)
    padding = draw.randint(0, size // 2)
    pad = draw.choice([True, False])
    own = draw.choice([
        f"x.cumsum({draw.choice([1, 2, -1])})", f"F.adaptive_avg_pool1d(x, {draw.randint(1, 3)})",
        f"x.new_zeros({shape[0]}, 3, {shape[2]}).index_add(1, torch.tensor({[draw.randrange(3) for _ in range(shape[1])]}), x)",
    ])  # fmt: skip
    if draw.random() < 0.5:
        pairs = (
            ("input", "x"), ("kernel_size", size), ("stride", stride), ("padding", padding),
            ("ceil_mode", draw.choice([True, False])), ("count_include_pad", pad),
        )  # fmt: skip
        own = f"F.avg_pool1d({', '.join(str(v) for _, v in pairs)})"
        return f"F.avg_pool1d({options(draw, *pairs)})", own, lambda x, f, _: ref.mixture(x, f)
    return own, own, lambda x, f, _: ref.mixture(x, f)


def constants(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    c = m.new(1, *shape[1:])
    if draw.random() < 0.5:
        own = f"x * {c}"
        ways = [own, f"{c} * x", f"torch.mul(input=x, other={c})", f"torch.multiply(other={c}, input=x)", f"y = x.clone(); y *= {c}; return y", f"x.mul({c})"]  # fmt: skip
        return draw.choice(ways), own, lambda x, f, _: ref.scaled(x, f)
    own = f"x + {c}"
    ways = [own, f"{c} + x", f"torch.add(input=x, other={c})", f"torch.add({c}, other=x, alpha=1)", f"y = x.clone(); y += {c}; return y", f"x - -1 * {c}"]  # fmt: skip

    def reference(x: Signal, f: Any, _: Any) -> Signal:
        return ref.add((x, 1), constant=f(torch.zeros_like(x.value)))

    return draw.choice(ways), own, reference


def normalising(draw: random.Random, shape: Any, m: Parameters) -> Drawn:
    width = shape[2]
    W, b = m.new(width), m.new(width)
    pairs = (("input", "x"), ("normalized_shape", f"({width},)"), ("weight", W), ("bias", b))
    own = f"F.layer_norm({', '.join(str(v) for _, v in pairs)})"

    def reference(x: Signal, f: Any, weights: Any) -> Signal:
        held = (x.value.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        w, shift = (weights.w[int(t[4:-1])].detach() for t in (W, b))
        return ref.normalisation(x, f, lambda t: (t - t.mean(-1, keepdim=True)) / held * w + shift)

    return f"F.layer_norm({options(draw, *pairs)})", own, reference


KINDS = (
    elementwise, numbers, reductions, softmaxes, layers, convolutions, moving, mixtures, constants,
    normalising,
)  # fmt: skip
