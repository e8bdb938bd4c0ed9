"""Batches too large for one call: popscore scores, Ray Data distributes, Parquet keeps the results.

    popscore.batch("photos", out="scores")

The room has the name of its one public function, so the module can be called: `popscore.batch` is the same thing
before and after something was imported from here.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Door(ModuleType):
    """This module, which can be called."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """As `popscore.batch.door.batch`."""
        return import_module("popscore.batch.door").batch(*arguments, **options)


sys.modules[__name__].__class__ = _Door
