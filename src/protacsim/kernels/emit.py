"""The engine's inner work as straight-line machine code, one object per tape, kept on disk.

The same formulas in the same order as `programs` and `rodas5p`, products fused where those fuse
them, so that both back ends agree bit for bit. The driver calls the code by address.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir

from protacsim.kernels import tape
from protacsim.kernels.tableau import (
    DENSE_STAGES,
    DIRECT_FROM,
    ERROR_ORDER,
    MOVED_C,
    SMALLEST_ERROR,
    STAGES,
    A,
    H,
)
from protacsim.kernels.writer import DOUBLE, INDEX, Writer

FUNCTIONS = ("rates", "attempt", "observe", "accept", "relax")
RATES, ATTEMPT, OBSERVE, ACCEPT, RELAX = range(len(FUNCTIONS))


class Layout:
    """A tape as plain lists of rows and weights, for whoever writes code from it."""

    def __init__(self, packed: tape.Tape) -> None:
        self._code, self._factors = packed.code, packed.factors
        self.n = self.at(tape.SPECIES)
        products = self.at(tape.PRODUCTS)
        self.products = list(
            zip(self.list(tape.MONO_A, products), self.list(tape.MONO_B, products))
        )
        self.order = self.list(tape.ORDER, self.n)
        self.diagonal = self.list(tape.DIAG_SLOT, self.n)
        self.rates = self._pairs(tape.RHS_PTR, self.n, tape.RHS_COEF, tape.RHS_STATE)
        self.curved = [[pair for pair in row if pair[1] > self.n] for row in self.rates]
        slots = self.at(tape.SLOTS)
        self.jacobian = self._pairs(tape.JAC_PTR, slots, tape.JAC_COEF, tape.JAC_STATE)
        self.left = self._pairs(tape.F_PTR, self.n, tape.F_SLOT, tape.F_COL)
        self.right = self._pairs(tape.U_PTR, self.n, tape.U_SLOT, tape.U_COL)
        self.seen = self._observed()
        self.laws = self._laws()

    def at(self, field: int) -> int:
        """One entry of the header."""
        return int(self._code[field])

    def list(self, field: int, count: int) -> list:
        """The first `count` entries of a list."""
        start = self.at(field)
        return self._code[start : start + count].tolist()

    def _pairs(self, ptr: int, rows: int, first: int, second: int) -> list:
        """Per row the pairs of entries of two lists."""
        ends = self.list(ptr, rows + 1)
        a, b = self.list(first, ends[-1]), self.list(second, ends[-1])
        return [list(zip(a[i:j], b[i:j])) for i, j in zip(ends, ends[1:])]

    def _observed(self) -> list:
        """Per observable the pairs of weight row and species."""
        ends = self.list(tape.OBS_PTR, self.at(tape.OBSERVABLES) + 1)
        species, weights = self.list(tape.OBS_SPECIES, ends[-1]), self.at(tape.ROW_WEIGHTS)
        return [[(weights + e, species[e]) for e in range(i, j)] for i, j in zip(ends, ends[1:])]

    def _laws(self) -> list:
        """Per conservation law the pairs of species and weight."""
        ends = self.list(tape.LAW_PTR, self.at(tape.LAWS) + 1)
        start = self.at(tape.LAW_WEIGHT)
        weights = self._factors[start : start + ends[-1]].tolist()
        species = self.list(tape.LAW_SPECIES, ends[-1])
        return [list(zip(species[i:j], weights[i:j])) for i, j in zip(ends, ends[1:])]


class Solvers(NamedTuple):
    """Functions that the outer ones call."""

    rates: ir.Function
    factorise: ir.Function
    stage: ir.Function
    restore: ir.Function


def assembly(packed: tape.Tape, width: int) -> str:
    """LLVM assembly of the FUNCTIONS of a tape, each called with `work` and rtol."""
    layout, module = Layout(packed), ir.Module("lanes")
    _write_rates(layout, rates := Writer(module, "rates", width))
    _write_stage(layout, stage := Writer(module, "stage", width, (INDEX, INDEX)))
    stage.function.linkage = "internal"
    _write_factorise(layout, factorise := Writer(module, "factorise", width))
    factorise.function.linkage = "internal"
    _write_share_out(layout, share_out := Writer(module, "share_out", width, (INDEX, DOUBLE)))
    share_out.function.linkage = "internal"
    share_out.function.attributes.add("noinline")
    _write_restore(layout, restore := Writer(module, "restore", width), share_out.function)
    restore.function.linkage = "internal"
    solvers = Solvers(rates.function, factorise.function, stage.function, restore.function)
    _write_attempt(layout, Writer(module, "attempt", width), solvers)
    _write_observe(layout, Writer(module, "observe", width), stage.function, share_out.function)
    _write_relax(layout, Writer(module, "relax", width), solvers)
    _write_accept(layout, Writer(module, "accept", width))
    return str(module)


def _sum(w: Writer, terms, start) -> ir.Value:
    total = start
    for factor, value in terms:
        total = w.fma(factor, value, total)
    return total


def _extended(layout: Layout, w: Writer, species: list) -> list:
    """Species, the constant 1 (None) and the products."""
    products = [w.builder.fmul(species[a], species[b]) for a, b in layout.products]
    return [*species, None, *products]


def _weighted(w: Writer, pairs, state: list) -> ir.Value:
    """Sum of coefficient times state; what multiplies the constant 1 is added as it is."""
    total = None
    for coefficient, place in pairs:
        factor, value = w.load(coefficient), state[place]
        if value is not None:
            total = w.fma(factor, value, total) if total else w.builder.fmul(factor, value)
        else:
            total = w.builder.fadd(factor, total) if total else factor
    return total or w.number(0.0)


def _write_rates(layout: Layout, w: Writer) -> None:
    """Slope = rate of change of the present state."""
    state, out = layout.at(tape.ROW_STATE), layout.at(tape.ROW_SLOPE)
    extended = _extended(layout, w, [w.load(state + s) for s in range(layout.n)])
    for s in range(layout.n):
        w.store(out + s, _weighted(w, layout.rates[s], extended))
    w.builder.ret_void()


def _write_stage(layout: Layout, w: Writer) -> None:
    """A stage by its move, in place of what earlier ones add, as `rodas5p.solve_stage`."""
    move, b = w.extra
    inverse_h, slope = w.load(layout.at(tape.ROW_INVERSE_H)), layout.at(tape.ROW_SLOPE)
    moves = [w.load(w.plus(move, s)) for s in range(layout.n)]
    extended = _extended(layout, w, moves)
    known, scaled = {}, {}
    for k, s in enumerate(layout.order):
        value = w.fma(w.load(w.plus(b, s)), inverse_h, w.load(slope + s))
        value = _sum(w, ((w.load(q), extended[place]) for q, place in layout.curved[s]), value)
        for slot, column in layout.left[k]:
            value = w.fnma(w.load(slot), known[column], value)
        known[s] = value
        scaled[s] = w.builder.fmul(value, w.load(layout.diagonal[k]))
    for k in reversed(range(layout.n)):
        s = layout.order[k]
        value = scaled[s]
        for slot, column in layout.right[k]:
            value = w.fnma(w.load(slot), known[column], value)
        known[s] = value
        w.store(w.plus(b, s), w.builder.fsub(known[s], moves[s]))
    w.builder.ret_void()


def _write_factorise(layout: Layout, w: Writer) -> None:
    """LU rows = factors of `shift * I - J` at the present state, as `programs`, but row by row."""
    state = layout.at(tape.ROW_STATE)
    first = layout.at(tape.ROW_LU)
    worst = w.number(-1e300)
    position = {s: k for k, s in enumerate(layout.order)}
    for k, s in enumerate(layout.order):
        row = {column: slot for slot, column in (*layout.left[k], *layout.right[k])}
        row[s] = layout.diagonal[k]
        value = {}
        for column, slot in row.items():
            pairs = layout.jacobian[slot - first]
            places = {p: None if p == layout.n else w.load(state + p) for _, p in pairs}
            value[column] = _weighted(w, pairs, places)
        value[s] = w.builder.fadd(value[s], w.load(layout.at(tape.ROW_SHIFT)))
        for slot, column in layout.left[k]:
            pivot = position[column]
            factor = value[column]
            w.store(slot, w.builder.fmul(factor, w.load(layout.diagonal[pivot])))
            for other, to_the_right in layout.right[pivot]:
                value[to_the_right] = w.fnma(factor, w.load(other), value[to_the_right])
        worst = w.maximum(worst, w.builder.fneg(w.absolute(value[s])))
        inverse = w.builder.fdiv(w.number(1.0), value[s])
        w.store(layout.diagonal[k], inverse)
        for slot, column in layout.right[k]:
            w.store(slot, w.builder.fmul(value[column], inverse))
    w.store(layout.at(tape.ROW_PIVOT), worst)
    w.builder.ret_void()


def _write_attempt(layout: Layout, w: Writer, solvers: Solvers) -> None:
    """Factors, stages, new state with its totals restored, and error norm of one step."""
    new, stages = layout.at(tape.ROW_NEW), layout.at(tape.ROW_STAGES)
    _call_first_stage(layout, w, solvers)
    for i in range(1, STAGES):
        _write_combination(layout, w, i, new)
        _call_stage(w, solvers.stage, new, stages + i * layout.n)
    _write_error(layout, w)
    w.builder.call(solvers.restore, [w.work, w.rtol])
    w.builder.ret_void()


def _write_combination(layout: Layout, w: Writer, i: int, out: int) -> None:
    """The move of stage i, and what earlier stages add to its side, as `rodas5p.combine`."""
    n, stages = layout.n, layout.at(tape.ROW_STAGES)
    for s in w.each(n):
        earlier = [w.load(w.plus(s, stages + j * n)) for j in range(i)]
        if DIRECT_FROM <= i < STAGES:
            value = w.builder.fadd(w.load(w.plus(s, out)), earlier[-1])
        else:
            value = _times(w, A[i], earlier)
        w.store(w.plus(s, out), value)
        w.store(w.plus(s, stages + i * n), _times(w, MOVED_C[i], earlier))


def _times(w: Writer, weights, values: list) -> ir.Value:
    """Sum of numbers times values."""
    first = w.builder.fmul(w.number(weights[0]), values[0])
    return _sum(w, ((w.number(x), u) for x, u in zip(weights[1:], values[1:])), first)


def _write_error(layout: Layout, w: Writer) -> None:
    """New state, the mean square of the last stage over its scale, and the factor for the step."""
    n, state, new = layout.n, layout.at(tape.ROW_STATE), layout.at(tape.ROW_NEW)
    last, atol = layout.at(tape.ROW_STAGES) + (STAGES - 1) * n, layout.at(tape.ROW_ATOL)
    rtol = w.spread(w.rtol)
    total, overflow = w.number(0.0), w.number(0.0)
    for s in reversed(layout.order):
        error, before = w.load(last + s), w.load(state + s)
        value = w.builder.fadd(before, w.builder.fadd(w.load(new + s), error))
        w.store(new + s, value)
        size = w.maximum(w.absolute(before), w.absolute(value))
        ratio = w.builder.fdiv(error, w.fma(rtol, size, w.load(atol + s)))
        total = w.fma(ratio, ratio, total)
        overflow = w.fma(w.number(0.0), value, overflow)
    mean = w.builder.fdiv(w.builder.fadd(total, overflow), w.number(n))
    w.store(layout.at(tape.ROW_ERROR), mean)
    w.store(layout.at(tape.ROW_FACTOR), _step_factor(w, mean))


def _step_factor(w: Writer, error) -> ir.Value:
    """The power of a squared error, as `rodas5p.step_factor`."""
    error = w.maximum(error, w.number(SMALLEST_ERROR))
    share = w.builder.fmul(w.number(0.5 / ERROR_ORDER), error)
    root = w.near_power(error, -0.5 / ERROR_ORDER)
    for _ in range(3):
        square = w.builder.fmul(root, root)
        fourth = w.builder.fmul(square, square)
        tenth = w.builder.fmul(w.builder.fmul(fourth, fourth), square)
        root = w.builder.fmul(root, w.fnma(share, tenth, w.number(1.0 + 0.5 / ERROR_ORDER)))
    return root


def _write_observe(layout: Layout, w: Writer, stage, share_out) -> None:
    """The ninth stage, and what outputs inside the step need, as `rodas5p.look_inside`."""
    stages, inside = layout.at(tape.ROW_STAGES), layout.at(tape.ROW_INSIDE)
    _write_combination(layout, w, STAGES, inside)
    _call_stage(w, stage, inside, stages + STAGES * layout.n)
    _restore_inside(layout, w, share_out)
    blocks = [layout.at(tape.ROW_STATE), layout.at(tape.ROW_NEW)]
    blocks += [stages + j * layout.n for j in range(DENSE_STAGES)]
    for o, terms in enumerate(layout.seen):
        before, after, *changes = _observed(w, terms, blocks)
        w.store(layout.at(tape.ROW_BEFORE) + o, before)
        w.store(layout.at(tape.ROW_AFTER) + o, after)
        for k in range(tape.BENDS):
            bend = _sum(w, zip(map(w.number, H[k]), changes), w.number(0.0))
            w.store(layout.at(tape.ROW_BENDS) + tape.BENDS * o + k, bend)
    w.builder.ret_void()


def _observed(w: Writer, terms: list, blocks: list[int]) -> list:
    """One observable of the states in the rows from each of `blocks` on."""
    totals = [w.number(0.0)] * len(blocks)
    for weight, s in terms:
        factor = w.load(weight)
        totals = [w.fma(factor, w.load(b + s), total) for b, total in zip(blocks, totals)]
    return totals


def _write_restore(layout: Layout, w: Writer, share_out) -> None:
    """New states with their totals restored where they have drifted."""
    new = layout.at(tape.ROW_NEW)
    w.store(layout.at(tape.ROW_DRIFTED), _drift_beyond(layout, w, new, 1.0, tape.DRIFT))
    with w.builder.if_then(_any_drifted(layout, w)):
        _call_share_out(w, share_out, new, 1.0)
    w.builder.ret_void()


def _restore_inside(layout: Layout, w: Writer, share_out) -> None:
    """Stages that change no total, as `rodas5p.restore_inside`."""
    stages = layout.at(tape.ROW_STAGES)
    first = _drift_beyond(layout, w, stages, 0.0, tape.STAGE_DRIFT)
    last = _drift_beyond(layout, w, stages + STAGES * layout.n, 0.0, tape.STAGE_DRIFT)
    w.store(layout.at(tape.ROW_DRIFTED), w.maximum(first, last))
    with w.builder.if_then(_any_drifted(layout, w)):
        for j in range(DENSE_STAGES):
            _call_share_out(w, share_out, stages + j * layout.n, 0.0)


def _drift_beyond(layout: Layout, w: Writer, rows: int, kept: float, share: float) -> ir.Value:
    """How far laws' sums are from a share of the totals, as `programs.drift_beyond`."""
    worst = w.number(0.0)
    for g, law in enumerate(layout.laws):
        total = w.load(layout.at(tape.ROW_TOTALS) + g)
        drift = w.absolute(_lacking(w, law, rows, w.builder.fmul(w.number(kept), total)))
        least = w.builder.fmul(w.number(share), w.absolute(total))
        worst = w.maximum(w.builder.fsub(drift, least), worst)
    return worst


def _any_drifted(layout: Layout, w: Writer) -> ir.Value:
    drifted = w.load(layout.at(tape.ROW_DRIFTED))
    return w.any(w.builder.fcmp_ordered(">", drifted, w.number(0.0)))


def _lacking(w: Writer, law: list, rows, wanted: ir.Value) -> ir.Value:
    """What a law's sum over some rows lacks of the wanted one."""
    for s, weight in law:
        row = rows + s if isinstance(rows, int) else w.plus(rows, s)
        wanted = w.fnma(w.number(weight), w.load(row), wanted)
    return wanted


def _write_share_out(layout: Layout, w: Writer) -> None:
    """Sums over some rows brought to a share of the totals, as `programs.share_out_drift`."""
    rows, kept = w.extra
    kept, nothing = w.spread(kept), w.number(0.0)
    totals = [w.load(layout.at(tape.ROW_TOTALS) + g) for g in range(len(layout.laws))]
    drifted = w.load(layout.at(tape.ROW_DRIFTED))
    drifted = w.builder.fcmp_unordered("!=", drifted, nothing)
    for law, total in zip(layout.laws, totals):
        _share_out_one(layout, w, law, drifted, w.builder.fmul(kept, total))
    for law, total in zip(layout.laws, totals):
        rest = _lacking(w, law, rows, w.builder.fmul(kept, total))
        least = w.builder.fmul(w.number(tape.STAGE_DRIFT), w.absolute(total))
        large = w.builder.fcmp_ordered(">", w.absolute(rest), least)
        s, weight = law[0]
        share = w.builder.fdiv(rest, w.number(weight))
        share = w.builder.select(w.builder.and_(large, drifted), share, nothing)
        here = w.plus(rows, s)
        w.store(here, w.builder.fadd(w.load(here), share))
    w.builder.ret_void()


def _share_out_one(layout: Layout, w: Writer, law: list, drifted, wanted: ir.Value) -> None:
    """The drift of one law from its wanted sum, to its species in proportion."""
    rows, new = w.extra[0], layout.at(tape.ROW_NEW)
    drift, held = _lacking(w, law, rows, wanted), w.number(0.0)
    for s, weight in law:
        held = w.fma(w.number(abs(weight)), w.absolute(w.load(new + s)), held)
    some = w.builder.and_(drifted, w.builder.fcmp_unordered("!=", held, w.number(0.0)))
    share = w.builder.select(some, w.builder.fdiv(drift, held), w.number(0.0))
    for s, weight in law:
        here, amount = w.plus(rows, s), w.absolute(w.load(new + s))
        move = w.fma if weight > 0.0 else w.fnma
        w.store(here, move(share, amount, w.load(here)))


def _write_accept(layout: Layout, w: Writer) -> None:
    """New state in place of the old one where the step is good."""
    state, new = layout.at(tape.ROW_STATE), layout.at(tape.ROW_NEW)
    accepted = w.builder.fcmp_unordered("!=", w.load(layout.at(tape.ROW_ACCEPTED)), w.number(0.0))
    for s in w.each(layout.n):
        here = w.plus(s, state)
        w.store(here, w.builder.select(accepted, w.load(w.plus(s, new)), w.load(here)))
    w.builder.ret_void()


def _write_relax(layout: Layout, w: Writer, solvers: Solvers) -> None:
    """Two Newton corrections of an implicit Euler step, as `steady.relax`."""
    n, new, first = layout.n, layout.at(tape.ROW_NEW), layout.at(tape.ROW_STAGES)
    _call_first_stage(layout, w, solvers)
    for s in w.each(n):
        w.store(w.plus(s, new), w.load(w.plus(s, first)))
        w.store(w.plus(s, first + n), w.number(0.0))
    _call_stage(w, solvers.stage, new, first + n)
    _write_measure(layout, w)
    w.builder.call(solvers.restore, [w.work, w.rtol])
    w.builder.ret_void()


def _write_measure(layout: Layout, w: Writer) -> None:
    """New state, and mean squares of both corrections, as `steady.measure`."""
    n, new, first = layout.n, layout.at(tape.ROW_NEW), layout.at(tape.ROW_STAGES)
    rtol, state = w.spread(w.rtol), layout.at(tape.ROW_STATE)
    moved, left, depth, sign = (w.number(x) for x in (0.0, 0.0, -1e300, 1.0))
    for s in range(n):
        correction, before = w.load(first + n + s), w.load(state + s)
        value = w.builder.fadd(w.builder.fadd(before, w.load(new + s)), correction)
        w.store(new + s, value)
        size = w.maximum(w.absolute(before), w.absolute(value))
        floor = w.load(layout.at(tape.ROW_ATOL) + s)
        inverse = w.builder.fdiv(w.number(1.0), w.fma(rtol, size, floor))
        ratio = w.builder.fmul(w.load(first + s), inverse)
        moved = w.fma(ratio, ratio, moved)
        ratio = w.builder.fmul(correction, inverse)
        left = w.fma(ratio, ratio, left)
        depth = w.maximum(depth, w.builder.fneg(w.builder.fadd(value, floor)))
        above = w.builder.fcmp_ordered(">", w.load(layout.diagonal[s]), w.number(0.0))
        sign = w.builder.select(above, sign, w.builder.fneg(sign))
    w.store(layout.at(tape.ROW_MOVED), w.builder.fdiv(moved, w.number(n)))
    w.store(layout.at(tape.ROW_ERROR), w.builder.fdiv(left, w.number(n)))
    w.store(layout.at(tape.ROW_DEPTH), w.maximum(depth, w.builder.fneg(sign)))


def _call_first_stage(layout: Layout, w: Writer, solvers: Solvers) -> None:
    """Factors, slope, and the first stage, which has no move."""
    new, stages = layout.at(tape.ROW_NEW), layout.at(tape.ROW_STAGES)
    w.builder.call(solvers.factorise, [w.work, w.rtol])
    w.builder.call(solvers.rates, [w.work, w.rtol])
    for s in w.each(layout.n):
        w.store(w.plus(s, new), w.number(0.0))
        w.store(w.plus(s, stages), w.number(0.0))
    _call_stage(w, solvers.stage, new, stages)


def _call_stage(w: Writer, stage, move: int, b: int) -> None:
    """Solve a stage: its move at rows move.., what earlier ones add and solution at rows b.."""
    w.builder.call(stage, [w.work, w.rtol, ir.Constant(INDEX, move), ir.Constant(INDEX, b)])


def _call_share_out(w: Writer, share_out, rows: int, kept: float) -> None:
    """Bring the laws' sums over rows.. to `kept` times the totals."""
    w.builder.call(share_out, [w.work, w.rtol, ir.Constant(INDEX, rows), ir.Constant(DOUBLE, kept)])
