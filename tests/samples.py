"""The table of operations, from which the operation tests are generated.

Every file in `tables/` has the rows of one family.
"""

from __future__ import annotations

from rows import Bad, Row, Sample
from tables import compare, elementwise, heads, index, linalg, reduce, shape

TABLES = (elementwise, compare, reduce, linalg, shape, index, heads)
ROWS: list[Row] = [row for table in TABLES for row in table.ROWS]
BY_NAME = {row.name: row for row in ROWS}

__all__ = ["BY_NAME", "ROWS", "Bad", "Row", "Sample"]
