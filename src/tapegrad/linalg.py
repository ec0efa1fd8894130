"""Linear algebra under PyTorch's names."""

from .errors import LinAlgError
from .ops.chain import multi_dot
from .ops.decompose import cholesky, cholesky_ex, householder_product, qr, svd, svdvals
from .ops.determinant import det, slogdet
from .ops.eigen import eig, eigh, eigvals, eigvalsh
from .ops.least_squares import lstsq, matrix_rank, pinv
from .ops.linalg import matmul
from .ops.lu import lu, lu_factor, lu_solve
from .ops.matrix_function import diagonal, matrix_exp, matrix_power, vander
from .ops.matrix_norm import cond, matrix_norm, norm, vector_norm
from .ops.singular import inv_ex, lu_factor_ex, solve_ex
from .ops.solve import inv, solve, solve_triangular, tensorinv, tensorsolve
from .ops.vectors import linalg_cross as cross
from .ops.vectors import vecdot

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
