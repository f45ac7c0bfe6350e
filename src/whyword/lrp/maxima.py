"""Shapley values of a maximum: how all inputs that reach a maximum share it.

The Shapley value of a player is what it adds on average to the worth of those who came before it,
in random order. If a set S of players is worth v(S) = max_{i ∈ S} z_i, and nobody 0, the player
with the r-th highest value gets

    φ_r = Σ_{s ≥ r} (z_s - z_{s+1}) / s,   z_1 ≥ z_2 ≥ ... ≥ z_m,  z_{m+1} = 0

(Littlechild and Owen 1973, the airport game): every level of the maximum is credited in equal parts
to all that reach it. They sum to the maximum.
"""

import torch
from torch import Tensor


def shares_of_maximum(values: Tensor, dim: int) -> Tensor:
    """Each player's part of the maximum, φ_r / z_1; shaped like ``values``, sums to 1.

    Players without a positive value get nothing. Where nobody has one, the first gets all, as in a
    maximum whose winner takes all.

    Args:
        values: The players' values, in falling order along ``dim``; -inf where there is no player.
        dim: The axis of the players.
    """
    z = values.clamp(min=0)
    players = torch.arange(1, z.shape[dim] + 1, dtype=z.dtype, device=z.device)
    shape = [1] * z.ndim
    shape[dim] = -1
    below = torch.cat([z.narrow(dim, 1, z.shape[dim] - 1), z.narrow(dim, 0, 1) * 0], dim)
    levels = (z - below) / players.view(shape)
    shapley = levels.flip(dim).cumsum(dim).flip(dim)
    highest = z.narrow(dim, 0, 1)
    alone = (players == 1).to(z).view(shape)
    # A maximum too small to divide by is that of nobody.
    tiny = torch.finfo(z.dtype).tiny
    return torch.where(highest > tiny, shapley / highest.clamp(min=tiny), alone.expand_as(z))
