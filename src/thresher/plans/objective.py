"""What the weights of a mixture minimise: predicted error, of laws under which weights may move freely.

The error of one law is `h(sum_i phi_i(w_i)) + d`, with x_i = ln n_eff_i + ln q_i - ln n0 at the pool's own exposure:

    utility_mean    phi_i = w_i b_i x_i                     h(G) = A exp(G)
    sample_worth    phi_i = -w_i exp(x_i)                   h(G) = A (-G)^b
    halfway         phi_i = -w_i exp(x_i b_i / (2 b))       h(G) = A (-G)^(2 b)

Each phi_i is convex and each h convex and rising, so the error is convex in the weights; phi_i has kinks where a pool
is seen a whole number of times.

Weights are free only where diluting good data with worthless data cannot help. Under `sample_worth` and
`halfway` with kappa > 0 it can: half-lives grow as a pool's weight falls, and with them its contribution. Such members
enter at kappa = 0, where a half-life is the pool's own. `halfway` has one more way: its power follows the mean
utility of the mixture, so worthless data sharpens it; here b is held at the strongest utility. `utility_mean` enters as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thresher.errors import InputError
from thresher.fits.fit import Fit, Member, Parameters
from thresher.fits.predict import LEAST_NOISE, run_quantile
from thresher.laws.kernels import find_kernel
from thresher.laws.mixing import MIXING_RULES
from thresher.pools import Pool
from thresher.shapes import Float

SMALLEST_WEIGHT = 1e-12
"""Stands in for a weight of 0 where slopes are taken: the limit there is finite."""
HALF_LIFE_STEP = 1e-4
"""Step in ln tau of the central difference."""
MIXTURES_AT_ONCE = 2**14
"""Weights in one block of evaluations: a law may keep a table of 512 numbers for each of them."""
SIDE_STEP = 1e-10
"""How far beside a weight its slopes to the left and right are taken: kinks are met to about 1e-13."""


@dataclass(frozen=True)
class Laws:
    """Laws of one kernel, stacked: all of them with kappa = 0, or none.

    Attributes:
        weight: Share of each law in the objective.
        power: m b of the mixing rule: 0 for `utility_mean`, 1/2 for `halfway`, 1 for `sample_worth`.
        strongest: b that the power refers to.
        log_lever: ln q - ln n0.
    """

    kernel: str
    kappa: Float[np.ndarray, " laws"]
    weight: Float[np.ndarray, " laws"]
    log_amplitude: Float[np.ndarray, " laws"]
    floor: Float[np.ndarray, " laws"]
    power: Float[np.ndarray, " laws"]
    strongest: Float[np.ndarray, " laws"]
    b: Float[np.ndarray, "laws pools"]
    log_lever: Float[np.ndarray, "laws pools"]
    tau: Float[np.ndarray, "laws pools"]

    def values(
        self, n: float, N: Float[np.ndarray, " pools"], w: Float[np.ndarray, "pools nodes"]
    ) -> Float[np.ndarray, "laws pools nodes"]:
        """phi_i(w_i)."""
        size, tau = self._exposure(N, w)
        log_n_eff = find_kernel(self.kernel).log_effective_samples(np.asarray(n), size, tau)
        return w * self._scaled(self._exponents * (log_n_eff + self.log_lever[..., None]))

    def terms(
        self, n: float, N: Float[np.ndarray, " pools"], w: Float[np.ndarray, "pools nodes"]
    ) -> tuple[Float[np.ndarray, "laws pools nodes"], Float[np.ndarray, "laws pools nodes"]]:
        """phi_i(w_i) and its slope, from the right."""
        kernel, seen = find_kernel(self.kernel), np.asarray(n)
        size, tau = self._exposure(N, w)
        x = kernel.log_effective_samples(seen, size, tau) + self.log_lever[..., None]
        slope = kernel.elasticity(seen, size, tau) - 1.0  # of x against ln w
        if self.kappa.any():
            later = kernel.log_effective_samples(seen, size, tau * np.exp(HALF_LIFE_STEP))
            earlier = kernel.log_effective_samples(seen, size, tau * np.exp(-HALF_LIFE_STEP))
            slope = slope - self.kappa[:, None, None] * (later - earlier) / (2.0 * HALF_LIFE_STEP)
        scaled = self._scaled(self._exponents * x)
        rate = self._exponents * slope
        geometric = (self.power == 0)[:, None, None]
        return w * scaled, scaled + (rate if geometric.all() else np.where(geometric, rate, scaled * rate))

    @property
    def _exponents(self) -> Float[np.ndarray, "laws pools 1"]:
        share = np.where(self.power == 0, 1.0, self.power / self.strongest)
        return (share[:, None] * self.b)[..., None]

    def _scaled(self, value: Float[np.ndarray, "laws pools nodes"]) -> Float[np.ndarray, "laws pools nodes"]:
        geometric = (self.power == 0)[:, None, None]
        if geometric.all():
            return value
        with np.errstate(under="ignore"):
            return np.where(geometric, value, -np.exp(np.where(geometric, 0.0, value)))

    def outer(
        self, total: Float[np.ndarray, "laws ..."]
    ) -> tuple[Float[np.ndarray, "laws ..."], Float[np.ndarray, "laws ..."]]:
        """h(G) and its slope."""
        tall = (slice(None), *[None] * (total.ndim - 1))
        geometric = (self.power == 0)[tall]
        exponent = (self.strongest / np.where(self.power == 0, 1.0, self.power))[tall]
        safe = np.maximum(np.where(geometric, 1.0, -total), np.finfo(float).tiny)
        log_excess = self.log_amplitude[tall] + np.where(geometric, total, exponent * np.log(safe))
        excess = np.exp(log_excess)
        return excess, np.where(geometric, excess, -exponent * excess / safe)

    def _exposure(
        self, N: Float[np.ndarray, " pools"], w: Float[np.ndarray, "pools nodes"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Samples between two views of one, and half-lives."""
        share = np.maximum(w, SMALLEST_WEIGHT)
        tau = self.tau[..., None]
        return N[:, None] / share, tau * share ** -self.kappa[:, None, None] if self.kappa.any() else tau


@dataclass(frozen=True)
class Objective:
    """Expected error of free weights at one budget.

    Attributes:
        samples_seen: The budget, in samples.
        sizes: Unique samples of each pool.
        groups: Laws that share a kernel.
        quantile: Of the error of one new run; the mean if None.
        noise_sd: Spread of one run's error, for a quantile.
    """

    samples_seen: float
    sizes: Float[np.ndarray, " pools"]
    groups: tuple[Laws, ...]
    quantile: float | None = None
    noise_sd: float = 0.0

    @property
    def laws(self) -> int:
        """How many different laws there are."""
        return sum(len(group.weight) for group in self.groups)

    def of(self, pools: Sequence[int] | np.ndarray) -> "Objective":
        """The same for some of the pools."""
        groups = tuple(
            replace(group, b=group.b[:, pools], log_lever=group.log_lever[:, pools], tau=group.tau[:, pools])
            for group in self.groups
        )
        return replace(self, sizes=self.sizes[pools], groups=groups)

    def value(self, weights: Float[np.ndarray, "mixtures pools"]) -> Float[np.ndarray, " mixtures"]:
        """Expected error of each mixture, or the chosen quantile of one run's."""
        block = max(1, MIXTURES_AT_ONCE // max(1, weights.shape[1] * max(1, self.laws)))
        parts = [self._block(weights[at : at + block]) for at in range(0, len(weights), block)]
        return np.concatenate(parts)

    def _block(self, weights: Float[np.ndarray, "mixtures pools"]) -> Float[np.ndarray, " mixtures"]:
        found = []
        for group in self.groups:
            phi = group.values(self.samples_seen, self.sizes, weights.T)
            found.append(group.outer(phi.sum(axis=1))[0] + group.floor[:, None])
        errors = np.concatenate(found)
        return self.shares @ errors if self.quantile is None else self._level(errors)

    def _level(self, errors: Float[np.ndarray, "laws mixtures"]) -> Float[np.ndarray, " mixtures"]:
        return run_quantile(errors, self.shares, self.noise_sd, self.quantile or 0.5)

    @property
    def shares(self) -> Float[np.ndarray, " laws"]:
        """Weight of every law, group by group."""
        return np.concatenate([group.weight for group in self.groups])

    def tangent(self, w: Float[np.ndarray, " pools"]) -> tuple[list[np.ndarray], Float[np.ndarray, " pools"]]:
        """What a small change of each law's sum of phi changes the error by; and how fast that itself changes.

        The second is the diagonal that stands in for the curvature of the h.
        """
        parts = []
        for group in self.groups:
            phi, slope = group.terms(self.samples_seen, self.sizes, w[:, None])
            total = phi[..., 0].sum(axis=1)
            parts.append((group, slope[..., 0], total, *group.outer(total)))
        near = np.ones(self.laws)
        if self.quantile is not None:  # a quantile's slope is that of the runs which lie at it
            errors = np.concatenate([excess + group.floor for group, _, _, excess, _ in parts])
            z = (self._level(errors[:, None])[0] - errors) / self.noise_sd
            near = np.exp(-0.5 * z**2)
            near /= self.shares @ near
        rates, curvature, at = [], np.zeros(len(w)), 0
        for group, slope, total, _, rise in parts:
            rate = group.weight * near[at : at + len(total)] * rise
            at += len(total)
            exponent = np.where(
                group.power == 0, 0.0, group.strongest / np.where(group.power == 0, 1.0, group.power)
            )
            bend = np.where(
                group.power == 0, 1.0, (1.0 - exponent) / np.maximum(np.abs(total), np.finfo(float).tiny)
            )
            curvature += (rate * bend) @ (slope - (slope @ w)[:, None]) ** 2
            rates.append(rate)
        return rates, curvature

    def slopes(
        self, rates: Sequence[np.ndarray], w: Float[np.ndarray, "pools nodes"]
    ) -> Float[np.ndarray, "pools nodes"]:
        """Slope of the error in each weight, from the right, with the laws' rates held."""
        total = np.zeros_like(w)
        for group, rate in zip(self.groups, rates, strict=True):
            _, slope = group.terms(self.samples_seen, self.sizes, w)
            total += np.tensordot(rate, slope, axes=1)
        return total

    def sides(
        self, w: Float[np.ndarray, " pools"]
    ) -> tuple[Float[np.ndarray, " pools"], Float[np.ndarray, " pools"]]:
        """Slope of the error in each weight, to the left and to the right of it."""
        beside = np.stack([np.maximum(w - SIDE_STEP, 0.0), w + SIDE_STEP], axis=1)
        both = self.slopes(self.tangent(w)[0], beside)
        return both[:, 0], both[:, 1]


def free_member(member: Member) -> Member:
    """A member as it enters the objective: at kappa = 0, unless it mixes by `utility_mean`."""
    return member if MIXING_RULES[member.mixing] == 0.0 else replace(member, kappa=0.0)


def without_growth(fit: Fit) -> Fit:
    """The same fit with every member at kappa = 0: no half-life grows with the size of the mixture."""
    return replace(fit, members=tuple(replace(member, kappa=0.0) for member in fit.members))


def free_objective(
    fit: Fit, pools: Sequence[Pool], samples_seen: float, *, quantile: float | None = None
) -> Objective:
    """The expected error of a fit, over the weights of some of its pools.

    Args:
        fit: What was fitted; members enter as `free_member` says, and equal ones once.
        pools: Pools of the fit.
        samples_seen: Budget in samples, repeats counted.
        quantile: Of the error of one new run, over the replicates of all members; the mean of best fits if None.

    Raises:
        InputError: A quantile outside (0, 1).
    """
    if quantile is not None and not 0 < quantile < 1:
        raise InputError(f"The quantile is {quantile:g}; give a number between 0 and 1, for example 0.9.")
    position = {pool.name: i for i, pool in enumerate(fit.pools)}
    index = np.array([position[pool.name] for pool in pools])
    merged: dict[tuple[object, ...], tuple[float, Member]] = {}
    for member in map(free_member, fit.members):
        kappa = member.kappa if find_kernel(member.kernel).decays else 0.0
        draws = member.best if quantile is None else member.replicates
        found = replace(member, kappa=kappa, parameters=draws)
        key = (member.kernel, kappa, member.mixing, *(a.tobytes() for a in draws.arrays()))
        merged[key] = (merged.get(key, (0.0, found))[0] + member.weight, found)
    groups: dict[tuple[str, bool], list[tuple[float, Member]]] = {}
    for weight, member in merged.values():
        groups.setdefault((member.kernel, member.kappa > 0), []).append((weight, member))
    return Objective(
        float(samples_seen),
        np.array([pool.unique_samples for pool in pools]),
        tuple(_stacked(kernel, found, index) for (kernel, _), found in groups.items()),
        quantile,
        max(fit.noise_sd, LEAST_NOISE),
    )


def _stacked(kernel: str, found: Sequence[tuple[float, Member]], index: np.ndarray) -> Laws:
    draws = [member.parameters for _, member in found]
    counts = [len(one) for one in draws]
    every = Parameters(*(np.concatenate(arrays) for arrays in zip(*(d.arrays() for d in draws), strict=True)))
    return Laws(
        kernel,
        kappa=np.repeat([member.kappa for _, member in found], counts),
        weight=np.repeat([weight / count for (weight, _), count in zip(found, counts, strict=True)], counts),
        log_amplitude=np.log(every.amplitude),
        floor=every.floor,
        power=np.repeat([MIXING_RULES[member.mixing] for _, member in found], counts),
        strongest=every.utility.min(axis=1),
        b=every.utility[:, index],
        log_lever=np.log(every.worth[:, index]) - np.log(every.onset)[:, None],
        tau=every.half_life[:, index],
    )
