"""Direct convolution, in the kernel language; `real` stands for the arrays' type.

What an output adds up, K = C/groups kh kw products, is read where it lies in the frame of an image
(loops_frames.py), `offsets` (K) numbers behind the output's own place. Sums for as many outputs as
fill a vector, at some places of a row or for some weights, are held in registers meanwhile: each
number that is read takes part in several products, and no columns are written down:

    sums[p, o] += x[p + offsets[k]] w[k, o]      for all k, p in units, o in lanes
    sums[k, o] += x[p + offsets[k]] grad[p, o]   for all places p, k in units, o in lanes

They are added up in parts, so that fewer roundings follow each other. With stride 1, dL/dx is a
convolution of grad, with weights that are read backwards.

Shapes: x (N, C, H, W), w (O, K), y and grad (N, O, OH, OW), channels and outputs in groups; `step`
is O/groups, rounded up to lanes.
"""

# ruff: noqa: F821, E741
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations

from portanet.backends._llvm.loops_frames import with_frame

UNITS, units, lanes = (0, 1, 2, 3, 4, 5, 6, 7), 8, 16


def _packed(w, packed, n_out, n_in, n_offsets, step, out_step, in_step, offset_step):
    """Write w, read with steps, as packed (step / lanes, K, lanes); 0 where there is no output."""
    for block in range(0, step, lanes):
        for c in range(n_in):
            for k in range(n_offsets):
                to = packed + (block * n_in * n_offsets + (c * n_offsets + k) * lanes)
                source = w + (block * out_step + c * in_step + k * offset_step)
                n = smaller(lanes, n_out - block)
                for o in range(n):
                    to[o] = source[o * out_step]
                for o in range(n, lanes):
                    to[o] = real(0)


def _add_products(seen, weights, sums, step, offsets, first, last):
    """Add the products first … last to sums (units, lanes), which are set where first is 0."""
    own = registers(units, spread(real(0), lanes))
    for k in range(first, last):
        x, w = seen + offsets[k], vector(weights + k * lanes, lanes)
        for u in UNITS:
            own[u] = own[u] + spread(x[u], lanes) * w
    for u in UNITS:
        to = sums + u * step
        if first > 0:
            put(to, vector(to, lanes) + own[u])
        else:
            put(to, own[u])


def _deliver(sums, step, y, n, n_out, places):
    """Write sums (n, step) for n places into y (n_out, places), in squares of lanes."""
    for o in range(0, n_out, lanes):
        if (n >= lanes) & (o + lanes <= n_out):
            for p in range(0, n, lanes):
                start = smaller(p, n - lanes)  # the last square overlaps the one before it
                turn(sums + (start * step + o), step, y + (o * places + start), places, lanes)
        else:
            for i in range(o, smaller(o + lanes, n_out)):
                for p in range(n):
                    y[i * places + p] = sums[p * step + i]


def forward(
    x: real[:], w: real[:], y: real[:], frame: real[:], packed: real[:], sums: real[:],
    offsets: i8[:], N: i8, C: i8, H: i8, W: i8, fh: i8, fw: i8, sw: i8, top: i8, left: i8,
    groups: i8, O: i8, OH: i8, OW: i8, K: i8, step: i8, row_step: i8, strip: i8, part: i8,
    n_offsets: i8, w_first: i8, out_step: i8, in_step: i8, offset_step: i8,
):  # fmt: skip
    """Set y to the sum of products of w and what each place sees; `strip` rows at a time."""
    n_out, n_in, places = O // groups, C // groups, OH * OW
    for g in range(groups):
        w_g = w + (g * n_out * K + w_first)
        to = packed + g * K * step
        _packed(w_g, to, n_out, n_in, n_offsets, step, out_step, in_step, offset_step)
    for n in range(N):
        with_frame(x + n * C * H * W, frame, False, C, H, W, fh, fw, sw, top, left)
        for top_row in range(0, OH, strip):
            n_rows = smaller(strip, OH - top_row)
            for g in range(groups):
                weights = packed + g * K * step
                for row in range(n_rows):
                    seen = frame + (g * n_in * fh * sw * fw + (top_row + row) * row_step)
                    for p in range(0, OW, units):
                        q = smaller(p, OW - units)  # the last ones of a row are done twice
                        for first in range(0, K, part):
                            for o in range(0, step, lanes):
                                _add_products(
                                    seen + q, weights + o * K, sums + ((row * OW + q) * step + o),
                                    step, offsets, first, smaller(K, first + part),
                                )  # fmt: skip
                y_g = y + ((n * O + g * n_out) * places + top_row * OW)
                _deliver(sums, step, y_g, n_rows * OW, n_out, places)


def _turned(grad, turned, n, n_out, places, step):
    """Write grad (n_out, places)ᵀ as turned (n, step) for n places, in squares of lanes."""
    for o in range(0, n_out, lanes):
        whole = n // lanes * lanes if o + lanes <= n_out else 0
        for p in range(0, whole, lanes):
            turn(grad + (o * places + p), places, turned + (p * step + o), step, lanes)
        for p in range(whole, n):
            for i in range(o, smaller(o + lanes, n_out)):
                turned[p * step + i] = grad[i * places + p]


def _add_gradients(seen, row_step, turned, sums, step, offsets, n_rows, OW):
    """Add the products at all places of some rows to sums (units, lanes)."""
    own, at = registers(units, spread(real(0), lanes)), registers(units, offsets[0])
    for u in UNITS:
        at[u] = offsets[u]
    for row in range(n_rows):
        x, grad = seen + row * row_step, turned + row * OW * step
        for q in range(OW):
            grad_q = vector(grad + q * step, lanes)
            for u in UNITS:
                own[u] = own[u] + spread(x[at[u] + q], lanes) * grad_q
    for u in UNITS:
        put(sums + u * step, vector(sums + u * step, lanes) + own[u])


def backward_w(
    x: real[:], grad: real[:], grad_w: real[:], frame: real[:], turned: real[:], offsets: i8[:],
    N: i8, C: i8, H: i8, W: i8, fh: i8, fw: i8, sw: i8, top: i8, left: i8, groups: i8, O: i8,
    OH: i8, OW: i8, K: i8, step: i8, row_step: i8, strip: i8,
):  # fmt: skip
    """grad_w (groups, K, step) = the sum over all places of what is seen there times gradᵀ.

    K and step are rounded up: to units, and O/groups to lanes.
    """
    n_out, n_in, places = O // groups, C // groups, OH * OW
    for t in parallel(groups * K * step):
        grad_w[t] = 0
    for n in range(N):
        with_frame(x + n * C * H * W, frame, False, C, H, W, fh, fw, sw, top, left)
        for g in range(groups):
            seen, grad_g = frame + g * n_in * fh * sw * fw, grad + (n * O + g * n_out) * places
            for row in range(0, OH, strip):
                n_rows, seen_row = smaller(strip, OH - row), seen + row * row_step
                _turned(grad_g + row * OW, turned, n_rows * OW, n_out, places, step)
                for o in range(0, step, lanes):
                    for k in range(0, K, units):
                        _add_gradients(
                            seen_row, row_step, turned + o, grad_w + ((g * K + k) * step + o), step,
                            offsets + k, n_rows, OW,
                        )  # fmt: skip
