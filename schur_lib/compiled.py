"""Compiling with numba, and calling SciPy's BLAS and LAPACK from what it compiles."""

import tempfile
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import platformdirs
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic


def jit(function: Any) -> Any:
    """Compile at first use; kept in a folder of the user's, never beside the package, and nowhere if not there."""
    config: Any = numba.config
    before = config.CACHE_DIR  # NUMBA_CACHE_DIR; where other packages keep theirs is not ours to move
    folder = Path(before or platformdirs.user_cache_path("schur_lib") / "numba")
    options: dict[str, Any] = {"cache": True, "fastmath": {"contract", "nsz"}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        options["cache"] = False
    config.CACHE_DIR = str(folder)
    try:
        return njit(nogil=True, error_model="numpy", **options)(function)
    finally:
        config.CACHE_DIR = before


def fortran(library: str, name: str) -> Any:
    """A routine of scipy.linalg.cython_blas or cython_lapack, for compiled functions.

    It takes one tuple: arrays stand for their first entry, integers (and characters, as theirs) become int32, and
    a float must be of the routine's kind. The routine gets the address of each.
    """
    # by a name, not an address: machine code that is kept serves every process
    llvmlite.binding.add_symbol(f"schur_lib_{name}", get_cython_function_address(f"scipy.linalg.{library}", name))

    @intrinsic
    def call(typing, arguments):
        def codegen(context, builder, signature, values):
            address, addresses = ir.IntType(8).as_pointer(), []
            values = cgutils.unpack_tuple(builder, values[0])
            for kind, value in zip(arguments, values, strict=True):
                if isinstance(kind, types.Array):
                    place = context.make_array(kind)(context, builder, value).data
                else:
                    whole = isinstance(kind, types.Integer)
                    value = context.cast(builder, value, kind, types.int32) if whole else value
                    place = cgutils.alloca_once_value(builder, value)
                addresses.append(builder.bitcast(place, address))
            routine = ir.FunctionType(ir.VoidType(), [address] * len(addresses))
            function = cgutils.get_or_insert_function(builder.module, routine, f"schur_lib_{name}")
            builder.call(function, addresses)
            return context.get_dummy_value()

        return types.void(arguments), codegen

    return call
