"""PyTorch on the CPU, as its users write it: eager, and with torch.compile."""

import os
from collections.abc import Callable
from typing import Any

from benchmarks.contenders import Contender, Data, Epoch, Step, UnsupportedError, require
from benchmarks.contenders.pytorch_twins import load_weights, twin
from benchmarks.networks import Network, batches


class PyTorch(Contender):
    name = "PyTorch, eager"
    fused = True  # the fastest of PyTorch's optimizers on a CPU
    device = "cpu"

    def make(self, network: Network, data: Data) -> Step:
        torch, parts = torch_with_threads(), batches(network, *data)
        train, _ = self.functions(torch, network)
        tensors = [[torch.tensor(a, device=self.device) for a in part] for part in parts]
        return lambda i: train(*tensors[i % len(tensors)])

    def make_epoch(self, network: Network, train: Data, val: Data) -> Epoch:
        torch = torch_with_threads()
        step, evaluate = self.functions(torch, network)
        X, y, X_val, y_val = (torch.tensor(a) for a in (*train, *val))
        torch.manual_seed(0)

        def epoch(i: int) -> list[float]:  # noqa: ARG001
            total = torch.zeros(())
            for rows in torch.randperm(len(X)).split(network.batch):
                total += step(X[rows], y[rows]) * len(rows)
            sums = torch.zeros(2)
            for x_part, y_part in zip(
                X_val.split(network.batch), y_val.split(network.batch), strict=True
            ):
                sums += evaluate(x_part, y_part) * len(x_part)
            return [float(total) / len(X), *(sums / len(X_val)).tolist()]

        return epoch

    def functions(self, torch: Any, network: Network) -> tuple[Callable[..., Any], ...]:
        """Return train(x, y) -> mean loss, and evaluate(x, y) -> mean loss and accuracy."""
        module = twin(torch, network)
        load_weights(torch, network, module)
        module.to(self.device)
        rule = getattr(torch.optim, network.optimizer)
        optimizer = rule(module.parameters(), lr=network.lr, fused=self.fused)
        criterion = criterion_for(torch, network)
        loss_of = self.compiled(torch, lambda x, y: criterion(module(x), y))

        def train(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        @torch.no_grad()
        def evaluate(x: Any, y: Any) -> Any:
            z = module(x)
            right = (z > 0) == (y > 0.5) if network.binary else z.argmax(-1) == y
            return torch.stack([criterion(z, y), right.float().mean()])

        return train, evaluate

    def compiled(self, torch: Any, function: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ARG002
        """Return the function as it is: eager."""
        return function


class PyTorchAdamAsItComes(PyTorch):
    """Adam with PyTorch's defaults, which fuse nothing on a CPU."""

    name = "PyTorch, eager, Adam not fused"
    fused = False

    def make(self, network: Network, data: Data) -> Step:
        if network.name != "embedding":
            raise UnsupportedError("run where nearly all of a step is Adam's")
        return super().make(network, data)


class PyTorchOnCuda(PyTorch):
    """Eager on a CUDA device, without TF32, as portanet is."""

    name = "PyTorch, CUDA, eager"
    device = "cuda"

    def make(self, network: Network, data: Data) -> Step:
        torch = torch_with_threads()
        if not torch.cuda.is_available():
            raise UnsupportedError(f"PyTorch {torch.__version__} finds no CUDA device")
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        self.wait = lambda result: torch.cuda.synchronize()  # noqa: ARG005
        return super().make(network, data)


class PyTorchCompiled(PyTorch):
    name = "PyTorch, torch.compile"

    def make(self, network: Network, data: Data) -> Step:
        os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no processes beside the race
        step = super().make(network, data)
        try:
            step(0)  # compiles
        except RuntimeError as error:  # every error of torch.compile's is one
            reason = str(error).strip().splitlines()[0]
            raise UnsupportedError(f"torch.compile does not work here: {reason[:120]}") from error
        return super().make(network, data)  # from the initial weights again

    def compiled(self, torch: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        return torch.compile(function)


def torch_with_threads() -> Any:
    """Return PyTorch, told how many threads to use."""
    torch = require("torch")
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return torch


def criterion_for(torch: Any, network: Network) -> Callable[..., Any]:
    """Return the mean loss as a function of logits and targets."""
    functional = torch.nn.functional
    if network.binary:
        return functional.binary_cross_entropy_with_logits
    # (N, L, C) and (N, L) as (N L, C) and (N L): PyTorch wants the classes on axis 1
    return lambda z, y: functional.cross_entropy(z.flatten(0, -2), y.flatten())
