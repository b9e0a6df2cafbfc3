"""A row of WIDTH doubles as one value: the same formula for WIDTH simulations at once.

With the JIT on a row is an LLVM vector, so that vectorisation is certain; with the JIT off it is a
numpy row, and the same kernels run. Products are fused into sums where `fma` or `fnma` says so and
nowhere else: what the compiler inlines must not change a bit of the result.
"""

from __future__ import annotations

import ctypes
import operator

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model
from numba.np.arrayobj import make_array

from protacsim.kernels.cache import JIT_ENABLED
from protacsim.kernels.tape import ONE_AS_BITS, WIDTH

_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_BITS = ir.VectorType(ir.IntType(64), WIDTH)


class LaneType(types.Type):
    """numba's name for a row of WIDTH doubles."""

    def __init__(self):
        super().__init__(name=f"Lane{WIDTH}")


LANE = LaneType()


@register_model(LaneType)
class _LaneModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, _VECTOR)


def _pointer(context, builder, array_type, array, index_type, index):
    """Address of row `index` of an array (rows, WIDTH)."""
    view = make_array(array_type)(context, builder, array)
    row = context.cast(builder, index, index_type, types.intp)
    offset = builder.mul(row, ir.Constant(row.type, WIDTH))
    return builder.bitcast(builder.gep(view.data, [offset]), _VECTOR.as_pointer())


@intrinsic
def _load(typingctx, rows, index):
    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1])
        return builder.load(pointer, align=8)

    return LANE(rows, index), codegen


@intrinsic
def _store(typingctx, rows, index, value):
    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], sig.args[1], args[1])
        builder.store(args[2], pointer, align=8)
        return context.get_dummy_value()

    return types.none(rows, index, value), codegen


@intrinsic
def _at(typingctx, indices, e):
    def codegen(context, builder, sig, args):
        view = make_array(sig.args[0])(context, builder, args[0])
        place = context.cast(builder, args[1], sig.args[1], types.intp)
        value = builder.load(builder.gep(view.data, [place]))
        return context.cast(builder, value, sig.args[0].dtype, types.intp)

    return types.intp(indices, e), codegen


def _splatted(builder, value):
    vector = builder.insert_element(
        ir.Constant(_VECTOR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
    )
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), None)
    return builder.shuffle_vector(vector, ir.Constant(_VECTOR, ir.Undefined), zeros)


@intrinsic
def _splat(typingctx, value):
    def codegen(context, builder, sig, args):
        return _splatted(builder, context.cast(builder, args[0], sig.args[0], types.float64))

    return LANE(value), codegen


@intrinsic
def _maximum(typingctx, a, b):
    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])

    return LANE(a, b), codegen


@intrinsic
def _absolute(typingctx, a):
    def codegen(context, builder, sig, args):
        name = f"llvm.fabs.v{WIDTH}f64"
        kind = ir.FunctionType(_VECTOR, [_VECTOR])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    return LANE(a), codegen


@intrinsic
def _near_power(typingctx, a, exponent):
    def codegen(context, builder, sig, args):
        one = ir.Constant(ir.DoubleType(), ONE_AS_BITS)
        rest = builder.fsub(one, builder.fmul(one, args[1]))
        near = builder.sitofp(builder.bitcast(args[0], _BITS), _VECTOR)
        near = builder.fmul(near, _splatted(builder, args[1]))
        near = builder.fadd(near, _splatted(builder, rest))
        return builder.bitcast(builder.fptosi(near, _BITS), _VECTOR)

    return LANE(a, exponent), codegen


def _fused(builder, kind, a, b, c):
    """a * b + c in one rounding; a may be one number."""
    a = a if kind == LANE else _splatted(builder, a)
    name = f"llvm.fma.v{WIDTH}f64"
    signature_ = ir.FunctionType(_VECTOR, [_VECTOR, _VECTOR, _VECTOR])
    function = cgutils.get_or_insert_function(builder.module, signature_, name)
    return builder.call(function, [a, b, c])


@intrinsic
def _fma(typingctx, a, b, c):
    def codegen(context, builder, sig, args):
        return _fused(builder, sig.args[0], *args)

    return LANE(a, b, c), codegen


@intrinsic
def _fnma(typingctx, a, b, c):
    def codegen(context, builder, sig, args):
        return _fused(builder, sig.args[0], builder.fneg(args[0]), args[1], args[2])

    return LANE(a, b, c), codegen


@intrinsic
def _select(typingctx, mask, a, b):
    def codegen(context, builder, sig, args):
        chosen = builder.fcmp_unordered("!=", args[0], ir.Constant(_VECTOR, None))
        return builder.select(chosen, args[1], args[2])

    return LANE(mask, a, b), codegen


@intrinsic
def _call(typingctx, address, rows, number):
    def codegen(context, builder, sig, args):
        view = make_array(sig.args[1])(context, builder, args[1])
        kind = ir.FunctionType(ir.VoidType(), [view.data.type, ir.DoubleType()])
        function = builder.inttoptr(args[0], kind.as_pointer())
        builder.call(function, [view.data, args[2]])
        return context.get_dummy_value()

    return types.none(address, rows, number), codegen


_CASES = (
    signature(LANE, LANE, LANE),
    signature(LANE, types.float64, LANE),
    signature(LANE, LANE, types.float64),
)


def _lower(operation, emit):
    template = type(f"_Lane_{operation.__name__}", (ConcreteTemplate,), {"cases": list(_CASES)})
    infer_global(operation)(template)

    def lowered(context, builder, sig, args):
        sides = [
            arg if kind == LANE else _splatted(builder, arg)
            for kind, arg in zip(sig.args, args, strict=True)
        ]
        return emit(builder, *sides)

    for case in _CASES:
        lower_builtin(operation, *case.args)(lowered)


_lower(operator.add, lambda builder, a, b: builder.fadd(a, b))
_lower(operator.sub, lambda builder, a, b: builder.fsub(a, b))
_lower(operator.mul, lambda builder, a, b: builder.fmul(a, b))
_lower(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))


if JIT_ENABLED:
    at, load, store, splat = _at, _load, _store, _splat
    maximum, absolute, select, fma, fnma = _maximum, _absolute, _select, _fma, _fnma
    near_power, call = _near_power, _call
else:

    def at(indices, e):
        """Entry e of an index list; e is never negative."""
        return indices[e]

    def load(rows, index):
        """Row `index` of rows (k, WIDTH)."""
        return rows[index].copy()

    def store(rows, index, value):
        """Write row `index`."""
        rows[index] = value

    def splat(value):
        """The same number in every lane."""
        return np.full(WIDTH, float(value))

    def fma(a, b, c):
        """a * b + c; a may be one number."""
        return a * b + c

    def fnma(a, b, c):
        """c - a * b; a may be one number."""
        return c - a * b

    def maximum(a, b):
        """The larger of two, `b` where either is NaN."""
        return np.where(a > b, a, b)

    def absolute(a):
        """Magnitude."""
        return np.abs(a)

    def near_power(a, exponent):
        """a ** exponent within a few percent: a positive double's bits are nearly its logarithm."""
        near = np.asarray(a).view(np.int64) * exponent + (ONE_AS_BITS - ONE_AS_BITS * exponent)
        return near.astype(np.int64).view(float)

    def select(mask, a, b):
        """`a` where mask is not 0, else `b`."""
        return np.where(mask != 0.0, a, b)

    def call(address, rows, number):
        """Run the machine code at an address on rows (k, width) and one number."""
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_double)
        kind(int(address))(rows.ctypes.data, number)
