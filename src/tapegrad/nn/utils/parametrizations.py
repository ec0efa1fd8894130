"""Parametrisations of weights: weight normalisation, spectral normalisation, orthogonal matrices."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ... import creation, linalg
from ...autograd import no_grad
from ...dtypes import finfo
from ...errors import ArgumentError, ShapeError
from ...ops.shape import cat
from ...tensor import Tensor, wrap
from ..functional import normalize
from ..module import Module
from . import parametrize
from .spectral_norm import as_matrix, estimated, output_dim, starting_vectors, tensor_named
from .weight_norm import norm_except_dim, normalised


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The direction of v with the length g."""
        return normalised(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn length and direction of a weight apart.

    Value: `weight = g * v / |v|`, the norm over all dimensions but `dim`. `g` and `v` are
    `parametrizations.weight.original0` and `original1`; a state dict with PyTorch's older names `weight_g` and
    `weight_v` can be loaded too.

    Args:
        module: whose weight it is.
        name: of the weight.
        dim: the dimension along which every slice has a length of its own; None for one in all.

    Returns:
        The module.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.parametrizations.weight_norm(tg.nn.Linear(20, 40))
        >>> layer.parametrizations.weight.original0.shape
        (40, 1)

    References:
        Salimans and Kingma, "Weight normalization: a simple reparameterization to accelerate training of
        deep neural networks", NeurIPS 2016.
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(partial(_renamed, name))
    return module


def _renamed(name: str, module: Module, state_dict: Any, prefix: str, *_: Any) -> None:
    old = f"{prefix}{name}_g", f"{prefix}{name}_v"
    if all(key in state_dict for key in old):
        for number, key in enumerate(old):
            new = f"{prefix}parametrizations.{name}.original{number}"
            state_dict[new] = state_dict.pop(key)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise ShapeError(f"spectral_norm: a weight of shape {weight.shape} has no dim {dim}")
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"spectral_norm: n_power_iterations must be at least 1, got {n_power_iterations}"
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if weight.ndim > 1:
            matrix = as_matrix(weight.detach(), self.dim)
            u, v = starting_vectors(matrix, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._iterate(matrix, 15)  # a good estimate to begin with

    def _iterate(self, matrix: Tensor, times: int) -> None:
        with no_grad():
            for _ in range(times):
                self._u = normalize(linalg.matmul(matrix, self._v), dim=0, eps=self.eps)
                self._v = normalize(linalg.matmul(matrix.mH, self._u), dim=0, eps=self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight over its largest singular value; in training the estimate is improved first."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        return weight / estimated(matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself, which is assumed to have the norm 1."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, so that the layer stretches nothing.

    Value: `weight = W / (u^T W v)` with `u` and `v` from power iterations, one step further every time that
    the weight is read in training. A weight of more than two dimensions is read as a matrix.

    Args:
        module: whose weight it is.
        name: of the weight.
        n_power_iterations: steps each time.
        eps: lower bound of the norms that are divided by.
        dim: dimension of the outputs; by default 1 for transposed convolutions, else 0.

    Returns:
        The module.

    Raises:
        ArgumentError: if there is no such tensor, or for fewer than one step.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.parametrizations.spectral_norm(tg.nn.Linear(20, 40))
        >>> abs(tg.linalg.matrix_norm(layer.weight.detach(), 2).item() - 1) < 0.1
        True

    References:
        Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.
    """
    weight = tensor_named("spectral_norm", module, name)
    made = _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    return parametrize.register_parametrization(module, name, made)


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(
        self, weight: Tensor, orthogonal_map: str, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.dtype.kind == "c" and orthogonal_map == "householder":
            raise ArgumentError(
                "orthogonal: the householder map is for real weights; use 'matrix_exp' or 'cayley'"
            )
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        """A matrix with orthonormal columns, or rows if it is wide."""
        n, k = X.shape[-2:]
        wide = n < k
        if wide:
            X, n, k = X.mT, k, n
        Q = self._by_reflections(X) if self.orthogonal_map == "householder" else self._by_skew(X)
        if self.base is not None:
            Q = linalg.matmul(self.base, Q)
        made: Tensor = Q.mT if wide else Q
        return made

    def _by_reflections(self, X: Tensor) -> Tensor:
        A = X.tril(-1)
        tau = 2.0 / (1.0 + (A * A).sum(-2))
        Q = linalg.householder_product(A, tau)
        signs: Tensor = X.detach().diagonal(dim1=-2, dim2=-1).sgn()  # which do not learn
        return Q * signs[..., None, :]

    def _by_skew(self, X: Tensor) -> Tensor:
        n, k = X.shape[-2:]
        X = X.tril()
        if n != k:
            X = cat([X, X.new_zeros((*X.shape[:-2], n, n - k))], -1)
        A = X - X.mH
        if self.orthogonal_map == "matrix_exp":
            Q = linalg.matrix_exp(A)
        else:
            one = _identity_like(A)
            Q = linalg.solve(one - 0.5 * A, one + 0.5 * A)
        return Q[..., :k] if n != k else Q

    def right_inverse(self, Q: Tensor) -> Tensor:
        """What gives the matrix, or the nearest that there is: the Q of its QR decomposition."""
        if Q.shape != self.shape:
            raise ShapeError(f"orthogonal: expected a matrix of shape {self.shape}, got {Q.shape}")
        if not self.use_trivialization and self.orthogonal_map != "householder":
            raise NotImplementedError(
                f"orthogonal: with the map {self.orthogonal_map!r} a value can be assigned only if "
                "use_trivialization is True"
            )
        wide = Q.shape[-2] < Q.shape[-1]
        with no_grad():
            tall = Q.detach().mT if wide else Q.detach()
            if not self.use_trivialization:
                A = _reflections(tall)
                return A.mT if wide else A
            n, k = tall.shape[-2:]
            if n != k:
                rest = tall.new_empty((*tall.shape[:-2], n, n - k)).normal_()
                tall = _orthonormal(cat([tall, rest], -1))
            elif not _is_orthogonal(tall):
                tall = _orthonormal(tall)
            self.base = tall.clone()
            return -_identity_like(Q.detach())  # which the maps send to the identity


def _identity_like(matrix: Tensor) -> Tensor:
    one: Tensor = creation.zeros_like(matrix)
    one.diagonal(dim1=-2, dim2=-1).fill_(1)
    return one


def _is_orthogonal(Q: Tensor) -> bool:
    eps = 10 * Q.shape[-1] * finfo(Q.dtype).eps
    product = linalg.matmul(Q.mH, Q)
    return bool((product - _identity_like(product)).abs().max() <= eps)


def _orthonormal(matrix: Tensor) -> Tensor:
    """The Q of the QR decomposition in which R has a positive diagonal."""
    Q, R = linalg.qr(matrix)
    signs: Tensor = R.diagonal(dim1=-2, dim2=-1).sgn()
    made: Tensor = Q * signs[..., None, :]
    return made


def _reflections(Q: Tensor) -> Tensor:
    """A QR decomposition as LAPACK stores it, but for the diagonal, which has the signs of R's."""
    raw, tau = np.linalg.qr(Q.array, mode="raw")
    A = np.swapaxes(raw, -1, -2)
    signs = np.sign(np.diagonal(A, axis1=-2, axis2=-1))
    signs = np.where(tau == 0, -signs, signs)  # no reflection, where the map has one
    one = np.eye(A.shape[-2], A.shape[-1], dtype=A.dtype, like=A)
    return wrap(np.where(one != 0, signs[..., None, :], A))


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a matrix orthogonal: orthonormal columns, or rows if it is wide.

    Value, with A the lower triangle of what is trained minus its transpose:
    `matrix_exp`: `exp(A)`; `cayley`: `(I - A/2)^-1 (I + A/2)`; `householder`: a product of reflections.
    With `use_trivialization` that is multiplied from the left by the last matrix that was assigned.

    Args:
        module: whose weight it is.
        name: of the weight, (..., N, K).
        orthogonal_map: `"matrix_exp"`, `"cayley"` or `"householder"`; by default the first for square and
            complex matrices, else the last.
        use_trivialization: see above; it makes every matrix reachable, and assignment possible.

    Returns:
        The module. Its weight is the Q of the QR decomposition of what it was.

    Raises:
        ArgumentError: for another map, or no such tensor.
        ShapeError: for fewer than two dimensions.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.parametrizations.orthogonal(tg.nn.Linear(20, 20))
        >>> bool((layer.weight @ layer.weight.T - tg.eye(20)).abs().max() < 1e-5)
        True

    References:
        Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds", NeurIPS 2019.
    """
    weight = tensor_named("orthogonal", module, name)
    if weight.ndim < 2:
        raise ShapeError(
            f"orthogonal: {name!r} must have at least 2 dimensions, got {weight.shape}"
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.dtype.kind == "c" else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ArgumentError(
            "orthogonal: orthogonal_map must be 'matrix_exp', 'cayley' or 'householder', got "
            f"{orthogonal_map!r}"
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)


__all__ = ["orthogonal", "spectral_norm", "weight_norm"]
