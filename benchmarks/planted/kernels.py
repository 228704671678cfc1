"""Faults of kernels, backends, compiled steps and checkpoints: of one place or one way only."""

from benchmarks.planted.fault import Fault

_CONV, _POOL = "backends/_numpy/kernels_conv.py", "backends/_numpy/kernels_pool.py"
_WINDOWS, _SEGMENTS = "backends/_numpy/windows.py", "backends/_numpy/kernels_segments.py"
_PLAN, _MEMORY = "compiler/engines/numpy/plan.py", "optimizer_memory.py"
_PERCEPTRON, _TRANSFORMER = "perceptron", "transformer with"

KERNELS = [
    Fault("padding after taken for padding before", _WINDOWS, "window.padding[axis][0]",
          "window.padding[axis][1]", "max_pool2d_backward"),
    Fault("off-by-one padding", _WINDOWS, "low = max(0, -(first // stride))",
          "low = max(0, 1 - (first // stride))", "conv2d"),
    Fault("wrong sign of a part", _CONV, "total += np.matmul(w_i", "total -= np.matmul(w_i",
          "conv2d"),
    Fault("stale buffer: memory that is not cleared", _CONV, "    grad_x[...] = 0\n", "",
          "conv2d_backward_x"),
    Fault("stale buffer: padding of memory that is not cleared", _CONV,
          "columns = np.zeros((parts[0].stop if parts else 0, *shape), x.dtype)",
        "columns = np.full((parts[0].stop if parts else 0, *shape), 7, x.dtype)",
        "conv2d"),
    Fault("kernel not mirrored", _CONV, "[..., ::-1, ::-1]", "[..., ::-1, :]", "conv2d_backward_x"),
    Fault("wrong axis", _CONV, "np.moveaxis(grad_w, 0, 2)", "np.moveaxis(grad_w[::-1], 0, 2)",
          "conv2d_backward_w"),
    Fault("all maxima of a window count", _POOL, "waiting[places] &= ~here", "pass",
          "max_pool2d_backward"),
    Fault("kernel that drops NaN", _POOL, " | (value != value)", "", "MaxPool2d"),
    Fault("share of a square window", _POOL, "(window.kernel[0] * window.kernel[1])",
          "(window.kernel[0] * window.kernel[0])", "AvgPool2d"),
    Fault("index that overflows", _SEGMENTS, "indices.astype(np.intp)",
          "indices.astype(np.uint8).astype(np.intp)", "segment_sum"),
    Fault("kernel that drops NaN of a sum", _SEGMENTS, "values.ravel())",
          "np.nan_to_num(values, posinf=np.inf, neginf=-np.inf).ravel())", "segment_sum"),
    Fault("NaN in the segment beside", _SEGMENTS, "return total.reshape(n, n_features)",
          "return total.reshape(n, n_features) + 0 * np.roll(total, n_features).reshape(n, -1)",
          "segment_sum"),
    Fault("scatter in an order that differs", _SEGMENTS,
          "np.add.at(total, places.ravel(), values.ravel())",
          "o = np.random.default_rng().permutation(places.size)\n"
          "    np.add.at(total, places.ravel()[o], values.ravel()[o])", "segment_sum"),
    Fault("kernel in float32 always", _SEGMENTS, "total = np.zeros(n * n_features, values.dtype)",
          "total = np.zeros(n * n_features, 'f4')", "segment_sum"),
    Fault("backend that ignores the dtype", "backends/_standard.py", "dtype=name and self.dtype(name)",
          "dtype=None", "ReLU", ("strict",)),
    Fault("backend whose copy is late: the array of the copy before", "backends/_standard.py",
          "        return np.asarray(x)\n",
          "        now = np.asarray(x)\n"
          "        last, self._last = getattr(self, '_last', now), now\n"
          "        return last if last.shape == now.shape else now\n", "BatchNorm1d", ("strict",)),
    Fault("dtype lost on the way to a device", "backends/_torch.py", "x.detach().cpu().numpy()",
          "x.detach().cpu().double().numpy()", "ReLU", ("torch",)),
]  # fmt: skip

WAYS = [
    Fault("learning rate frozen in a plan", _PLAN, "array.fill(scalar.read(numbers))", "pass",
          _PERCEPTRON),
    Fault("plan that hands out its own memory", _PLAN, "self.results[\"losses\"].copy()",
          "self.results[\"losses\"]", _PERCEPTRON),
    Fault("plan that keeps its first draws", _PLAN, "np.copyto(target, draw)",
          "np.copyto(target, draw) if not self.__dict__.setdefault('seen', []).append(0) "
          "and len(self.seen) < 5 else None", _TRANSFORMER),
    Fault("plan that keeps its second batch", _PLAN, "own_y[...] = y",
          "own_y[...] = y if self.__dict__.setdefault('seen', []).append(0) or len(self.seen) < 3 "
          "else own_y", _PERCEPTRON),
    Fault("lossy checkpoint", "checkpoint_file.py", "arrays[n].astype(arrays[n].dtype.newbyteorder(\"<\"), copy=False)",
          "(arrays[n].astype('f2') if arrays[n].dtype.kind == 'f' else arrays[n]).astype(arrays[n].dtype)", _PERCEPTRON),
    Fault("steps not counted on after a checkpoint", _MEMORY, "n_steps=numbers[\"n_steps\"]",
          "n_steps=0", _PERCEPTRON),
    Fault("ages of slots lost in a checkpoint", _MEMORY, "ages=dict(numbers[\"ages\"])",
          "ages=dict.fromkeys(numbers[\"ages\"], 0)", "convolution, Adam"),
    Fault("half an accumulation lost in a checkpoint", _MEMORY, "slots=slots, sums=sums, ages",
          "slots=slots, sums={}, ages", _TRANSFORMER),
    Fault("slots lost in a checkpoint", _MEMORY, "slots=slots, sums=sums, ages",
          "slots={}, sums=sums, ages", _PERCEPTRON),
]  # fmt: skip
