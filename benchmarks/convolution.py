"""Conv2d forward and backward: portanet's kernels by LLVM and NumPy, the plain one, PyTorch's.

    python benchmarks/convolution.py [--rounds 9] [--threads 1 2]

Each contender lives in a process of its own with the same number of threads, so that no thread
pool spins beside another's work; the processes take turns, and medians are compared. Memory is what
a forward and backward pass allocate at their peak (tracemalloc, which NumPy reports to).
"""

import argparse
import os
import statistics
import subprocess
import sys

SHAPE, N_OUT, KERNEL = (64, 32, 28, 28), 64, 3
CONTENDERS = ("llvm", "numpy", "plain", "torch")
PROBLEMS = {
    "padding 1": {"padding": 1},
    "padding 0": {"padding": 0},
    "stride 2": {"padding": 1, "stride": 2},
}


def numpy_step(name, options):
    import numpy as np

    import portanet
    from portanet import backends
    from portanet.backends._llvm import kernels_conv as _llvm_kernels_conv
    from portanet.backends._numpy import kernels_conv as _numpy_kernels_conv

    llvm = {k: make() for k, make in _llvm_kernels_conv.MAKERS.items()}
    numpy = _numpy_kernels_conv.KERNELS
    backends.get("numpy").kernels = {"llvm": llvm, "numpy": numpy, "plain": {}}[name]
    portanet.seed(0)
    layer = portanet.Conv2d(SHAPE[1], N_OUT, KERNEL, **options)
    x = np.random.default_rng(0).standard_normal(SHAPE, np.float32)
    grad = np.random.default_rng(1).standard_normal(layer.forward(x).shape, np.float32)

    def step():
        y = layer.forward(x, training=True)
        return y, layer.backward(grad)

    return step, x.nbytes + grad.nbytes


def torch_step(options):
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    layer = torch.nn.Conv2d(SHAPE[1], N_OUT, KERNEL, **options)
    x = torch.randn(SHAPE, requires_grad=True)
    grad = torch.randn(layer(x).shape)

    def step():
        x.grad = None
        layer.zero_grad()
        layer(x).backward(grad)

    return step, 0


def work(name, problem):
    """Answer each line on stdin with the milliseconds of one step; at first with its memory."""
    import time
    import tracemalloc

    options = PROBLEMS[problem]
    step, size = torch_step(options) if name == "torch" else numpy_step(name, options)
    step()
    memory = 0.0
    if size:
        tracemalloc.start()
        results = step()
        kept = sum(a.nbytes for a in results or ())
        memory = (tracemalloc.get_traced_memory()[1] - kept) / size
        tracemalloc.stop()
        del results
    print(memory, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print((time.perf_counter() - start) * 1e3, flush=True)


def start(name, problem, threads):
    count = {f"{lib}_NUM_THREADS": str(threads) for lib in ("OMP", "OPENBLAS", "MKL")}
    return subprocess.Popen(
        [sys.executable, __file__, "--work", name, problem], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | count,
    )  # fmt: skip


def ask(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return answer(process)


def answer(process):
    return float(process.stdout.readline())


def stop(process):
    process.stdin.close()
    process.wait()


def compare(problem, threads, rounds):
    processes = {name: start(name, problem, threads) for name in CONTENDERS}
    memory = {name: answer(p) for name, p in processes.items()}
    times = {name: [] for name in processes}
    for _ in range(rounds):
        for name, process in processes.items():
            ask(process)  # awake again
            times[name].append(ask(process))
    for process in processes.values():
        stop(process)
    median = {name: statistics.median(t) for name, t in times.items()}
    print(
        f"{problem}, {threads} thread(s), ms (in units of PyTorch's; memory beyond the results, of x and y): "
        + ", ".join(
            f"{name} {ms:.0f} ({ms / median['torch']:.2f}; {memory[name]:.2f})"
            for name, ms in median.items()
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", nargs=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    given = parser.parse_args()
    if given.work:
        work(*given.work)
    else:
        for threads in given.threads:
            for problem in PROBLEMS:
                compare(problem, threads, given.rounds)
