"""Spectral normalisation by a hook that computes the weight before every call."""

from __future__ import annotations

from typing import Any, TypeVar

from ...autograd import no_grad
from ...errors import ArgumentError
from ...linalg import matmul
from ...ops.arrange import movedim
from ...ops.shape import reshape
from ...tensor import Tensor
from ..convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..functional import normalize
from ..hooks import hooks_of, take_off
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


def tensor_named(op: str, module: Module, name: str) -> Tensor:
    """A module's tensor, or an error that says it has none."""
    found = getattr(module, name, None)
    if not isinstance(found, Tensor):
        raise ArgumentError(f"{op}: {type(module).__name__} has no parameter or buffer {name!r}")
    return found


def output_dim(module: Module, dim: int | None) -> int:
    """The dimension of a weight that counts outputs."""
    if dim is not None:
        return dim
    return int(isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """A weight with one dimension as rows and all others as columns."""
    first = movedim(weight, dim, 0) if dim else weight
    return reshape(first, first.shape[0], -1)


def starting_vectors(matrix: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Random unit vectors from the left and from the right."""
    rows, columns = matrix.shape
    u, v = matrix.new_empty(rows).normal_(), matrix.new_empty(columns).normal_()
    return normalize(u, dim=0, eps=eps), normalize(v, dim=0, eps=eps)


def estimated(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The largest singular value, by its vectors."""
    along: Tensor = u.vdot(matmul(matrix, v))
    return along


class SpectralNorm:
    """The hook: divides a module's weight by its largest singular value.

    Args:
        name, n_power_iterations, dim, eps: see `spectral_norm`.
    """

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"spectral_norm: n_power_iterations must be at least 1, got {n_power_iterations}"
            )
        self.name = self.computes = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight as it is now; the estimate of its singular vectors may be improved first."""
        held = vars(module)
        weight, u, v = (held[self.name + part] for part in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v = normalize(matmul(matrix.mT, u), dim=0, eps=self.eps)
                    u = normalize(matmul(matrix, v), dim=0, eps=self.eps)
            held[f"{self.name}_u"], held[f"{self.name}_v"] = u, v
        quotient: Tensor = weight / estimated(matrix, u, v)
        return quotient

    def __call__(self, module: Module, inputs: Any) -> None:
        vars(module)[self.name] = self.compute_weight(module, module.training)


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a weight by its largest singular value; a hook does it before every call.

    Value: `weight = W / (u^T W v)` with `u` and `v` from power iterations, one step further at every call
    in training. A weight of more than two dimensions is read as a matrix.
    `parametrizations.spectral_norm` does the same without a hook.

    Args:
        module: whose weight it is; it gets a parameter `weight_orig` and buffers `weight_u`, `weight_v`.
        name: of the weight.
        n_power_iterations: steps each time.
        eps: lower bound of the norms that are divided by.
        dim: dimension of the outputs; by default 1 for transposed convolutions, else 0.

    Returns:
        The module.

    Raises:
        ArgumentError: if there is no such parameter, it is normalised already, or for fewer than one step.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.spectral_norm(tg.nn.Linear(20, 40))
        >>> list(layer.state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']

    References:
        Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.
    """
    for hook in hooks_of(module, SpectralNorm):
        if hook.name == name:
            raise ArgumentError(f"spectral_norm: {name!r} is normalised already")
    weight = vars(module).get(name)
    if not isinstance(weight, Parameter):
        raise ArgumentError(f"spectral_norm: {type(module).__name__} has no parameter {name!r}")
    fn = SpectralNorm(name, n_power_iterations, output_dim(module, dim), eps)
    with no_grad():
        u, v = starting_vectors(as_matrix(weight, fn.dim), eps)
    del vars(module)[name]
    module.register_parameter(f"{name}_orig", weight)
    vars(module)[name] = weight.detach()
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(fn)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo `spectral_norm`: the weight, as it is now, is a parameter again.

    Args:
        module: whose weight it is.
        name: of the weight.

    Returns:
        The module.

    Raises:
        ArgumentError: if it is not normalised.

    Example:
        >>> import tapegrad as tg
        >>> layer = tg.nn.utils.spectral_norm(tg.nn.Linear(2, 2))
        >>> list(tg.nn.utils.remove_spectral_norm(layer).state_dict())
        ['bias', 'weight']
    """
    fn = take_off(module, lambda hook: isinstance(hook, SpectralNorm) and hook.name == name)
    if fn is None:
        raise ArgumentError(
            f"remove_spectral_norm: {name!r} of {type(module).__name__} is not normalised"
        )
    with no_grad():
        weight = fn.compute_weight(module, False)
    for part in ("", "_orig", "_u", "_v"):
        del vars(module)[name + part]
    vars(module)[name] = Parameter(weight)
    return module
