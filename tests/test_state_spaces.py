"""Selective state spaces: step sizes and decay are gates; what is written and read are signals."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from laws import EPSILON, conserves, explained

POSITIONS, CHANNELS, STATES = 5, 3, 2


class StateSpace(nn.Module):
    """h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t x_t and y_t = C_t h_t, Δ, B and C made of x_t."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, dtype=torch.float64, generator=generator))

        self.step = weight(CHANNELS, CHANNELS)
        self.write = weight(CHANNELS, STATES)
        self.read = weight(CHANNELS, STATES)
        self.decay = weight(CHANNELS, STATES)

    def forward(self, x: Tensor) -> Tensor:
        step = functional.softplus(x @ self.step)
        write, read = x @ self.write, x @ self.read
        decay = torch.exp(step[..., None] * -self.decay.exp())
        written = step[..., None] * write[:, :, None, :]
        state = x.new_zeros(len(x), CHANNELS, STATES)
        outputs = []
        for t in range(x.shape[1]):
            state = decay[:, t] * state + written[:, t] * x[:, t, :, None]
            outputs.append((state @ read[:, t, :, None])[..., 0])
        return torch.stack(outputs, dim=1)[:, -2:].flatten(1)


def sign(z: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.where(z >= 0, 1.0, -1.0)


def over(
    relevance: NDArray[np.float64] | float, z: NDArray[np.float64] | float
) -> NDArray[np.float64] | float:
    return relevance / (z + EPSILON * sign(z))


def derived(
    model: StateSpace, x: NDArray[np.float64], output: tuple[int, int]
) -> tuple[float, NDArray[np.float64]]:
    """Relevance of one document for an output ``(position, channel)``, backwards by hand."""
    weights = {name: p.detach().numpy() for name, p in model.named_parameters()}
    step = np.log1p(np.exp(x @ weights["step"]))
    write, read = x @ weights["write"], x @ weights["read"]
    decay = np.exp(step[:, :, None] * -np.exp(weights["decay"]))
    added = step[:, :, None] * write[:, None, :] * x[:, :, None]
    states = [np.zeros((CHANNELS, STATES))]
    for t in range(POSITIONS):
        states.append(decay[t] * states[-1] + added[t])
    at, channel = output
    score = states[at + 1][channel] @ read[at]

    relevance = np.zeros_like(x)
    of_write, of_read = np.zeros((POSITIONS, STATES)), np.zeros((POSITIONS, STATES))
    of_state = np.zeros((CHANNELS, STATES))
    half = states[at + 1][channel] * read[at] * over(score, score) / 2
    of_state[channel], of_read[at] = half, half
    for t in range(at, -1, -1):
        q = over(of_state, states[t + 1])
        share = added[t] * q / 2  # of the product of what is written and the input
        relevance[t] += share.sum(axis=1)
        of_write[t] += share.sum(axis=0)
        of_state = decay[t] * states[t] * q
    for t, name in np.ndindex(POSITIONS, 2):
        weight = weights[("write", "read")[name]]
        z, arrived = (write[t], of_write[t]) if name == 0 else (read[t], of_read[t])
        relevance[t] += (x[t][:, None] * weight * over(arrived, z)).sum(axis=1)
    return score, relevance


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_derivation(seed: int) -> None:
    model = StateSpace(seed)
    x = torch.randn(2, POSITIONS, CHANNELS, dtype=torch.float64)
    scores, found = explained(model, x, "plain", model=model)
    for document, place, channel in np.ndindex(2, 2, CHANNELS):
        output = POSITIONS - 2 + place, channel
        score, expected = derived(model, x[document].numpy(), output)
        j = place * CHANNELS + channel
        assert scores[document, j] == pytest.approx(score)
        np.testing.assert_allclose(found[j, document], expected, atol=1e-9)


def test_step_sizes_scale() -> None:
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    steps = torch.nn.Softplus()
    for f in (
        lambda x: steps(x[:, 0]) * x[:, 1],
        lambda x: x[:, 1] * torch.exp(-2 * steps(x[:, 0])),
        lambda x: x[:, 1] * torch.exp(-steps(x[:, 0]).cumsum(-1)),
    ):
        scores, found = explained(f, x)
        np.testing.assert_allclose(found[:, :, 1].sum(-1), scores.T)
        assert not found[:, :, [0, 2, 3]].any()
    # Alone a softplus is an activation.
    assert conserves(steps, x)
    assert conserves(lambda x: x * torch.tanh(steps(x)), x)
