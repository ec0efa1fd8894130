"""The table of operations, from which the operation tests are generated.

Every file in `tables/` has the rows of one family.
"""

from __future__ import annotations

import importlib
import pkgutil

import tables
from rows import Bad, Row, Sample, in_complex

TABLES = [
    importlib.import_module(f"tables.{m.name}") for m in pkgutil.iter_modules(tables.__path__)
]
REAL: list[Row] = [row for table in TABLES for row in table.ROWS]
ROWS = [*REAL, *(in_complex(row) for row in REAL if row.complex is not None)]
BY_NAME = {row.name: row for row in ROWS}
assert len(BY_NAME) == len(ROWS), "two rows of one name"

__all__ = ["BY_NAME", "ROWS", "TABLES", "Bad", "Row", "Sample"]
