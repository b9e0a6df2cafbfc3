"""Instructions of LLVM on rows of doubles, and loops over rows: what `emit` writes with.

The twin of `lanes`, for code that is written per tape instead of compiled by numba.
"""

from __future__ import annotations

from collections.abc import Iterator

from llvmlite import ir

from protacsim.kernels.tape import ONE_AS_BITS

DOUBLE, INDEX = ir.DoubleType(), ir.IntType(64)


class Writer:
    """One function's instructions: rows of `width` doubles, and what is done with them."""

    def __init__(self, module: ir.Module, name: str, width: int, extra: tuple = ()) -> None:
        self.row_type = ir.VectorType(DOUBLE, width)
        self.width = width
        kinds = [self.row_type.as_pointer(), DOUBLE, *extra]
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        self.function.attributes.add("nounwind")
        self.function.attributes.alignstack = 64
        self.builder = ir.IRBuilder(self.function.append_basic_block())
        self.work, self.rtol, *self.extra = self.function.args
        self.module = module

    def row(self, index) -> ir.Value:
        """Address of a row of `work`, by number or by a value."""
        if isinstance(index, int):
            index = ir.Constant(INDEX, index)
        return self.builder.gep(self.work, [index])

    def load(self, index) -> ir.Value:
        """A row."""
        return self.builder.load(self.row(index), align=8 * self.width)

    def store(self, index, value) -> None:
        """Write a row."""
        self.builder.store(value, self.row(index), align=8 * self.width)

    def number(self, value: float) -> ir.Constant:
        """The same number in every lane."""
        return ir.Constant(self.row_type, [float(value)] * self.width if value else None)

    def spread(self, value) -> ir.Value:
        """A scalar value in every lane."""
        undefined = ir.Constant(self.row_type, ir.Undefined)
        lane = self.builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        places = ir.Constant(ir.VectorType(ir.IntType(32), self.width), None)
        return self.builder.shuffle_vector(lane, undefined, places)

    def fma(self, a, b, c) -> ir.Value:
        """a * b + c in one rounding."""
        return self._intrinsic("fma", a, b, c)

    def fnma(self, a, b, c) -> ir.Value:
        """c - a * b in one rounding."""
        return self._intrinsic("fma", self.builder.fneg(a), b, c)

    def absolute(self, a) -> ir.Value:
        """Magnitude."""
        return self._intrinsic("fabs", a)

    def maximum(self, a, b) -> ir.Value:
        """The larger of two, `b` where either is NaN."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def any(self, mask) -> ir.Value:
        """Whether a comparison holds in any lane."""
        bits = self.builder.bitcast(mask, ir.IntType(self.width))
        return self.builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    def near_power(self, a, exponent: float) -> ir.Value:
        """a ** exponent within a few percent, as `lanes.near_power`."""
        bits = ir.VectorType(INDEX, self.width)
        near = self.builder.sitofp(self.builder.bitcast(a, bits), self.row_type)
        near = self.builder.fmul(near, self.number(exponent))
        rest = ONE_AS_BITS - ONE_AS_BITS * exponent
        near = self.builder.fadd(near, self.number(rest))
        return self.builder.bitcast(self.builder.fptosi(near, bits), self.row_type)

    def _intrinsic(self, name: str, *values) -> ir.Value:
        full = f"llvm.{name}.v{self.width}f64"
        function = self.module.globals.get(full) or ir.Function(
            self.module, ir.FunctionType(self.row_type, [self.row_type] * len(values)), full
        )
        return self.builder.call(function, values)

    def each(self, count: int) -> Iterator[ir.Value]:
        """A loop: yields the running number once, and closes itself."""
        before = self.builder.block
        body = self.function.append_basic_block()
        after = self.function.append_basic_block()
        self.builder.branch(body)
        self.builder.position_at_end(body)
        index = self.builder.phi(INDEX)
        index.add_incoming(ir.Constant(INDEX, 0), before)
        yield index
        following = self.builder.add(index, ir.Constant(INDEX, 1))
        index.add_incoming(following, self.builder.block)
        more = self.builder.icmp_unsigned("<", following, ir.Constant(INDEX, count))
        self.builder.cbranch(more, body, after)
        self.builder.position_at_end(after)

    def plus(self, index, rows: int) -> ir.Value:
        """A running number shifted by a count of rows."""
        return self.builder.add(index, ir.Constant(INDEX, rows))
