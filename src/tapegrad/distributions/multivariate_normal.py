"""The normal distribution of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ops.decompose import cholesky
from ..ops.solve import solve_triangular
from ..patterns import eye
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .parameters import lazy_property, one_of, standard_normal


class MultivariateNormal(Distribution):
    """Normal distribution of vectors.

    Density: `exp(-d' inv(C) d / 2) / sqrt(det(2 pi C))` with `d = x - loc` and the covariance C, of which
    one form is given; the factor `L` with `C = L L'` costs least.

    Args:
        loc: mean, shape (..., D).
        covariance_matrix: C, shape (..., D, D), symmetric and positive-definite.
        precision_matrix: the inverse of C, instead.
        scale_tril: L, lower triangular with a positive diagonal, instead.
        validate_args: whether parameters and values are checked.

    Example:
        >>> import tapegrad as tg
        >>> d = tg.distributions.MultivariateNormal(tg.zeros(2), tg.eye(2))
        >>> d.log_prob(tg.zeros(2))
        tensor(-1.8379)
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    loc: Tensor

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        forms: dict[str, Any] = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        one_of("MultivariateNormal", **forms)
        name, matrix = next((n, m) for n, m in forms.items() if m is not None)
        for argument, value, dims in (("loc", loc, 1), (name, matrix, 2)):
            if not isinstance(value, Tensor):
                raise DtypeError(
                    f"MultivariateNormal: {argument} must be a tensor, got {type(value).__name__}"
                )
            if value.ndim < dims:
                raise ShapeError(
                    f"MultivariateNormal: {argument} needs at least {dims} dimension"
                    f"{'s' * (dims > 1)}, got shape {value.shape}"
                )
        size = loc.shape[-1]
        try:
            batch = np.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
            if matrix.shape[-2:] != (size, size):
                raise ValueError
        except ValueError:
            raise ShapeError(
                f"MultivariateNormal: {name} must have shape (..., {size}, {size}) to fit loc of "
                f"shape {loc.shape}, got {matrix.shape}"
            ) from None
        self.loc = loc.expand((*batch, size))
        self.__dict__[name] = matrix.expand((*batch, size, size))
        super().__init__(batch, (size,), validate_args)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The triangular factor of the covariance."""
        if "covariance_matrix" in self.__dict__:
            return cholesky(self.covariance_matrix)
        # P = L L', with all rows and columns reversed, gives an upper factor of P
        flipped = cholesky(self.precision_matrix.flip((-2, -1))).flip((-2, -1))
        identity = eye(self.loc.shape[-1], dtype=self.loc.dtype, device=self.loc.device)
        return solve_triangular(flipped.mT, identity, upper=False)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        identity = eye(self.loc.shape[-1], dtype=self.loc.dtype, device=self.loc.device)
        inverse = solve_triangular(self.scale_tril, identity, upper=False)
        return inverse.mT @ inverse

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale_tril.square().sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        numbers = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self.scale_tril @ numbers.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        square = mahalanobis(self.scale_tril, value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + square) - half_log_det(self.scale_tril)

    def entropy(self) -> Tensor:
        constant = 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi))
        return half_log_det(self.scale_tril) + constant


def half_log_det(factor: Tensor) -> Tensor:
    """`log det(L L') / 2` of a triangular factor L."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def mahalanobis(factor: Tensor, difference: Tensor) -> Tensor:
    """`d' inv(L L') d` of vectors d (..., D) for a triangular factor L."""
    batch = factor.shape[:-2]
    outer = difference.ndim - 1 - len(batch)
    if outer <= 0:
        solved = solve_triangular(factor, difference.unsqueeze(-1), upper=False)
        return solved.square().sum((-2, -1))
    # all draws as the columns of one right-hand side, so that L is not repeated: (..., D, draws)
    shape = difference.expand((*difference.shape[:outer], *batch, difference.shape[-1])).shape
    columns = difference.expand(shape).reshape((-1, *shape[outer:])).movedim(0, -1)
    square = solve_triangular(factor, columns, upper=False).square().sum(-2)
    return square.movedim(-1, 0).reshape(shape[:-1])
