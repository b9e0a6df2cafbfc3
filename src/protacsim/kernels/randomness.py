"""Random numbers by counter: one stream per (seed, point, replicate), whoever asks first.

Streams are eight interleaved xoshiro256++ generators, seeded by splitmix64 from the three keys and
drawn in blocks. What is drawn from which law is here; what it is drawn for is not.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from protacsim.kernels.cache import JIT_ENABLED
from protacsim.kernels.jit import njit_allocating as njit

GENERATORS, BLOCK = 8, 512

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_A, MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
LOW = np.uint64(0xFFFFFFFF)
HALF_WORD, TO_DOUBLE = np.uint64(32), np.uint64(11)
S17, S19, S23, S27, S30, S31, S41, S45 = (np.uint64(n) for n in (17, 19, 23, 27, 30, 31, 41, 45))
UNIT = 2.0**-53

# A stream is one array of uint64: the words of a block, the state of the generators (four rows),
# and the place of the next word.
STATE = BLOCK
PLACE = STATE + 4 * GENERATORS

# Poisson draws below this mean count uniforms, those above use transformed rejection.
LARGE_MEAN = 10.0


@intrinsic
def _fma(typingctx, a, b, c):
    def codegen(context, builder, sig, args):
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double, double, double])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.f64")
        numbers = [
            context.cast(builder, arg, found, types.float64)
            for arg, found in zip(args, sig.args, strict=True)
        ]
        return builder.call(function, numbers)

    return types.float64(a, b, c), codegen


if JIT_ENABLED:
    fma = _fma
else:

    def fma(a, b, c):
        """a * b + c."""
        return a * b + c


@njit
def new_stream():
    """Room for one stream; `seed_stream` fills it."""
    return np.zeros(PLACE + 1, np.uint64)


@njit
def mixed(z):
    """The output of splitmix64 (Steele, Lea and Flood 2014, doi 10.1145/2660193.2660195)."""
    z = (z ^ (z >> S30)) * MIX_A
    z = (z ^ (z >> S27)) * MIX_B
    return z ^ (z >> S31)


@njit
def seed_stream(stream, seed, point, replicate):
    """Start the stream of three keys (uint64)."""
    z = mixed(seed + GOLDEN)
    z = mixed((z ^ point) + GOLDEN)
    z = mixed((z ^ replicate) + GOLDEN)
    for e in range(STATE, PLACE):
        z = z + GOLDEN
        stream[e] = mixed(z)
    stream[PLACE] = BLOCK


@njit
def refill(stream):
    """Draw the next block of words: xoshiro256++ (Blackman and Vigna 2021, doi 10.1145/3460772).

    Two generators at a time: each waits for its own last step, not for the other's.
    """
    for g in range(0, GENERATORS, 2):
        own = STATE + 4 * g
        a, b, c, d = stream[own], stream[own + 1], stream[own + 2], stream[own + 3]
        p, q, r, s = stream[own + 4], stream[own + 5], stream[own + 6], stream[own + 7]
        for e in range(g, BLOCK, GENERATORS):
            stream[e], stream[e + 1] = scrambled(a, d), scrambled(p, s)
            a, b, c, d = following(a, b, c, d)
            p, q, r, s = following(p, q, r, s)
        stream[own], stream[own + 1], stream[own + 2], stream[own + 3] = a, b, c, d
        stream[own + 4], stream[own + 5], stream[own + 6], stream[own + 7] = p, q, r, s
    stream[PLACE] = 0


@njit
def scrambled(a, d):
    """The word that a generator gives."""
    total = a + d
    return ((total << S23) | (total >> S41)) + a


@njit
def following(a, b, c, d):
    """The next state of a generator."""
    third, fourth = c ^ a, d ^ b
    return a ^ fourth, b ^ third, third ^ (b << S17), (fourth << S45) | (fourth >> S19)


@njit
def word(stream):
    """64 random bits."""
    if stream[PLACE] == BLOCK:
        refill(stream)
    place = np.int64(stream[PLACE])
    stream[PLACE] = place + 1
    return stream[place]


@njit
def uniform(stream):
    """A number inside (0, 1), neither end."""
    return (np.float64(word(stream) >> TO_DOUBLE) + 0.5) * UNIT


@njit
def exponential(stream):
    """Mean 1."""
    return -math.log(uniform(stream))


@njit
def normal(stream):
    """Mean 0, variance 1."""
    return normal_pair(stream)[0]


@njit
def normal_pair(stream):
    """Two independent ones, by the polar method (Marsaglia and Bray 1964, doi 10.1137/1006063)."""
    while True:
        a = fma(2.0, uniform(stream), -1.0)
        b = fma(2.0, uniform(stream), -1.0)
        square = fma(a, a, b * b)
        if square < 1.0:
            reach = math.sqrt(-2.0 * math.log(square) / square)
            return a * reach, b * reach


@njit
def fill_normal(stream, places, out):
    """Independent ones at these places of out."""
    for e in range(0, places.size - 1, 2):
        out[places[e]], out[places[e + 1]] = normal_pair(stream)
    if places.size % 2:
        out[places[-1]] = normal(stream)


@njit
def gamma(stream, shape):
    """Gamma of a shape from 1 on, scale 1 (Marsaglia and Tsang 2000, doi 10.1145/358407.358414)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(stream)
        root = fma(c, x, 1.0)
        if root <= 0.0:
            continue
        v = root * root * root
        bound = fma(d, math.log(v), fma(-d, v, fma(0.5 * x, x, d)))
        if math.log(uniform(stream)) < bound:
            return d * v


@njit
def order_statistic(stream, k, n):
    """The k-th smallest of n uniform numbers: Beta(k, n + 1 - k)."""
    below = gamma(stream, np.float64(k))
    above = gamma(stream, np.float64(n + 1 - k))
    return below / (below + above)


@njit
def poisson(stream, mean):
    """A Poisson count."""
    return _poisson_large(stream, mean) if mean >= LARGE_MEAN else _poisson_small(stream, mean)


@njit
def _poisson_small(stream, mean):
    """Uniform numbers are multiplied until exp(-mean) is passed."""
    floor = math.exp(-mean)
    count = 0
    product = uniform(stream)
    while product > floor:
        count += 1
        product *= uniform(stream)
    return count


@njit
def _poisson_large(stream, mean):
    """Transformed rejection PTRS (Hörmann 1993, doi 10.1016/0167-6687(93)90997-4)."""
    b = fma(2.53, math.sqrt(mean), 0.931)
    a = fma(0.02483, b, -0.059)
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    inner = 0.9277 - 3.6224 / (b - 2.0)
    log_mean = math.log(mean)
    while True:
        u = uniform(stream) - 0.5
        v = uniform(stream)
        edge = 0.5 - abs(u)
        k = math.floor(fma(2.0 * a / edge + b, u, mean + 0.43))
        if edge >= 0.07 and v <= inner:
            return np.int64(k)
        if k < 0.0 or (edge < 0.013 and v > edge):
            continue
        left = math.log(v * inverse_alpha / (a / (edge * edge) + b))
        if left <= fma(k, log_mean, -mean - math.lgamma(k + 1.0)):
            return np.int64(k)


@njit
def rounded(stream, amount):
    """A whole number next to `amount`, up or down at random so that its mean is `amount`."""
    whole = math.floor(amount)
    if amount == whole:
        return np.int64(whole)
    return np.int64(whole) + np.int64(uniform(stream) < amount - whole)
