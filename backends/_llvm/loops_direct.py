"""Direct convolution, in the kernel language; `real` stands for the arrays' type.

What an output adds up, K = C/groups kh kw products, is read where it lies in the frame of an image
(loops_frames.py), `offsets` (K) numbers behind the output's own place. Sums of some outputs at some
places side by side, or of some weights for some outputs, are held in registers meanwhile, so that
each number that is read takes part in several products, and no columns are written down:

    sums[u, v] += w[u, k] x[place v + offsets[k]]        for all k, u in units, v in vectors
    sums[k, v] += x[place + offsets[k]] grad[v, place]   for all places, k in units, v in outputs

They are added up in parts, so that fewer roundings follow each other. With stride 1, dL/dx is
a convolution of grad, with weights that are read backwards.

Shapes: x (N, C, H, W), w (O, K), y and grad (N, O, OH, OW), channels and outputs in groups.
"""

# ruff: noqa: F821, E741
# pyright: reportUndefinedVariable=false
# (this text is translated by translate.py, and knows the words of words.py)

from __future__ import annotations

from portanet.backends._llvm.loops_frames import copy, with_frame

UNITS, VECTORS = (0, 1, 2, 3, 4, 5, 6, 7), (0, 1)
units, vectors, lanes = 8, 2, 16


def _packed(w, packed, n_out, n_in, n_offsets, out_step, in_step, step):
    """Write w, read with steps, as packed (n_out / units, K, units); 0 where there is no output."""
    for block in range(0, n_out, units):
        n = smaller(units, n_out - block)
        for c in range(n_in):
            for k in range(n_offsets):
                to = packed + ((block * n_in + c * units) * n_offsets + k * units)
                source = w + (block * out_step + c * in_step + k * step)
                for u in range(n):
                    to[u] = source[u * out_step]
                for u in range(n, units):
                    to[u] = real(0)


def _add_products(seen, weights, sums, width, offsets, first, last):
    """Add the products first … last to sums (units, vectors), which are set where first is 0."""
    own = registers(units * vectors, spread(real(0), lanes))
    for k in range(first, last):
        x, w = seen + offsets[k], weights + k * units
        for v in VECTORS:
            x_v = vector(x + v * lanes, lanes)
            for u in UNITS:
                own[u * vectors + v] = own[u * vectors + v] + x_v * spread(w[u], lanes)
    for u in UNITS:
        for v in VECTORS:
            to = sums + (u * width + v * lanes)
            if first > 0:
                put(to, vector(to, lanes) + own[u * vectors + v])
            else:
                put(to, own[u * vectors + v])


def _deliver(sums, width, y, n_out, places, OH, OW, pitch, run, q):
    """Write the rows of the output that lie in sums (n_out, width), whose first place is q."""
    first, last = run + q // pitch, smaller(OH, run + (q + width - 1) // pitch + 1)
    for o in range(n_out):
        for row in range(first, last):
            at = (row - run) * pitch
            start, stop = larger(q, at), smaller(q + width, at + OW)
            to, source = y + (o * places + row * OW + start - at), sums + (o * width + start - q)
            copy(to, source, stop - start)


def forward(
    x: real[:], w: real[:], y: real[:], frame: real[:], packed: real[:], sums: real[:],
    offsets: i8[:], N: i8, C: i8, H: i8, W: i8, fh: i8, fw: i8, sw: i8, top: i8, left: i8,
    groups: i8, O: i8, OH: i8, OW: i8, K: i8, part: i8, n_offsets: i8, w_first: i8, out_step: i8,
    in_step: i8, w_step: i8, runs: i8, run_step: i8, run_length: i8, pitch: i8, width: i8,
):  # fmt: skip
    """Y = the sum of products of w and what each place sees.

    Places lie side by side in `runs`, of which each has one row of the output, or all rows.
    """
    n_out, n_in, places = O // groups, C // groups, OH * OW
    per_group = (n_out + units - 1) // units * units * K
    for g in range(groups):
        w_g = w + (g * n_out * n_in * n_offsets + w_first)
        _packed(w_g, packed + g * per_group, n_out, n_in, n_offsets, out_step, in_step, w_step)
    for n in range(N):
        with_frame(x + n * C * H * W, frame, False, C, H, W, fh, fw, sw, top, left)
        for run in range(runs):
            for strip in range(0, run_length, width):
                for g in range(groups):
                    seen = frame + (g * n_in * fh * sw * fw + run * run_step)
                    for q in range(strip, smaller(run_length, strip + width), vectors * lanes):
                        for first in range(0, K, part):
                            for o in range(0, n_out, units):
                                weights, to = packed + (g * per_group + o * K), sums + o * width
                                _add_products(
                                    seen + q, weights, to + (q - strip), width, offsets, first,
                                    smaller(K, first + part),
                                )  # fmt: skip
                    y_g = y + (n * O + g * n_out) * places
                    _deliver(sums, width, y_g, n_out, places, OH, OW, pitch, run, strip)


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
    """Add the products at all places of some rows to sums (units, vectors)."""
    own, at = registers(units * vectors, spread(real(0), lanes)), registers(units, offsets[0])
    for u in UNITS:
        at[u] = offsets[u]
    for row in range(n_rows):
        x, grad = seen + row * row_step, turned + row * OW * step
        for q in range(OW):
            for v in VECTORS:
                grad_v = vector(grad + (q * step + v * lanes), lanes)
                for u in UNITS:
                    product = spread(x[at[u] + q], lanes) * grad_v
                    own[u * vectors + v] = own[u * vectors + v] + product
    for u in UNITS:
        for v in VECTORS:
            to = sums + (u * step + v * lanes)
            put(to, vector(to, lanes) + own[u * vectors + v])


def backward_w(
    x: real[:], grad: real[:], grad_w: real[:], frame: real[:], turned: real[:], offsets: i8[:],
    N: i8, C: i8, H: i8, W: i8, fh: i8, fw: i8, sw: i8, top: i8, left: i8, groups: i8, O: i8,
    OH: i8, OW: i8, K: i8, step: i8, row_step: i8, strip: i8,
):  # fmt: skip
    """grad_w (groups, K, step) = the sum over all places of what is seen there times gradᵀ.

    K and step are rounded up: to units, and O/groups to vectors.
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
                for o in range(0, step, vectors * lanes):
                    for k in range(0, K, units):
                        _add_gradients(
                            seen_row, row_step, turned + o, grad_w + ((g * K + k) * step + o), step,
                            offsets + k, n_rows, OW,
                        )  # fmt: skip
