"""JAX: the whole step, forward, gradient and optimizer, as one jitted function with donated state.

JAX returns before a step is done, and prepares the next one meanwhile. So its users' loops run, and
so it is timed; a second contender looks at the loss after each step, and waits for it.
"""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.contenders import Contender, Data, Epoch, Step, require
from benchmarks.contenders.jax_twins import logits_of, loss_of, mean_loss
from benchmarks.networks import Network, batches, initial_weights


class JaxJit(Contender):
    name = "JAX, jit"

    def make(self, network: Network, data: Data) -> Step:
        jax = require("jax")
        train, state = training_step(jax, network), initial_state(jax, network)
        arrays = [(jax.numpy.asarray(x), jax.numpy.asarray(y)) for x, y in batches(network, *data)]

        def step(i: int) -> Any:
            nonlocal state
            state, loss = train(state, *arrays[i % len(arrays)])
            return loss

        return step

    def make_epoch(self, network: Network, train: Data, val: Data) -> Epoch:
        jax = require("jax")
        step, evaluate = epoch_functions(jax, network)
        state, (X, y) = initial_state(jax, network), map(jax.numpy.asarray, train)
        X_val, y_val = map(jax.numpy.asarray, val)
        rng, order = np.random.default_rng(0), np.arange(len(X_val))

        def epoch(i: int) -> list[float]:  # noqa: ARG001
            nonlocal state
            total, sums = jax.numpy.float32(0), jax.numpy.zeros(2)
            for rows in rng.permutation(len(X)).reshape(-1, network.batch):
                state, total = step(state, total, X, y, rows)
            for rows in order.reshape(-1, network.batch):
                sums = evaluate(state[0], sums, X_val, y_val, rows)
            return [float(total) / len(X), *(np.asarray(sums) / len(X_val)).tolist()]

        return epoch

    def wait(self, result: Any) -> None:
        result.block_until_ready()


class JaxWaiting(JaxJit):
    name = "JAX, jit, waiting each step"

    def make(self, network: Network, data: Data) -> Step:
        step = super().make(network, data)
        return lambda i: step(i).block_until_ready()


def initial_state(jax: Any, network: Network) -> Any:
    """Return weights, Adam's two means (empty for SGD) and the number of steps."""
    weights = {name: jax.numpy.array(w) for name, w in initial_weights(network).items()}
    zeros = [jax.tree.map(jax.numpy.zeros_like, weights) for _ in range(2)]
    return weights, (zeros if network.optimizer == "Adam" else []), jax.numpy.float32(0)


def training_step(jax: Any, network: Network) -> Any:
    """Return train(state, x, y) -> state, mean loss."""
    return partial(jax.jit, donate_argnums=0)(step_of(jax, network))


def step_of(jax: Any, network: Network) -> Any:
    """Return the step, not compiled yet."""
    loss_and_gradient = jax.value_and_grad(loss_of(jax, network))
    update = {"SGD": sgd, "Adam": adam}[network.optimizer]

    def train(state: Any, x: Any, y: Any) -> Any:
        weights, means, t = state
        loss, grads = loss_and_gradient(weights, x, y)
        weights, means = update(jax, network.lr, weights, grads, means, t + 1)
        return (weights, means, t + 1), loss

    return train


def epoch_functions(jax: Any, network: Network) -> tuple[Any, Any]:
    """Return a step and an evaluation that gather their batch and add to a sum, both compiled."""
    train, logits = step_of(jax, network), logits_of(jax, network)

    def step(state: Any, total: Any, X: Any, y: Any, rows: Any) -> Any:
        state, loss = train(state, X[rows], y[rows])
        return state, total + loss * len(rows)

    def evaluate(weights: Any, sums: Any, X: Any, y: Any, rows: Any) -> Any:
        x, y = X[rows], y[rows]
        z = logits(weights, x)
        right = (z > 0) == (y > 0.5) if network.binary else z.argmax(-1) == y
        both = jax.numpy.stack([mean_loss(jax, network, z, y), right.mean()])
        return sums + both * len(rows)

    return jax.jit(step, donate_argnums=(0, 1)), jax.jit(evaluate, donate_argnums=1)


def sgd(jax: Any, lr: float, weights: Any, grads: Any, means: Any, t: Any) -> Any:  # noqa: ARG001
    return jax.tree.map(lambda w, g: w - lr * g, weights, grads), means


def adam(jax: Any, lr: float, weights: Any, grads: Any, means: Any, t: Any) -> Any:
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means[0], grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, means[1], grads)
    rate, root = lr / (1 - 0.9**t), jax.numpy.sqrt(1 - 0.999**t)

    def moved(w: Any, m: Any, v: Any) -> Any:
        return w - rate * m / (jax.numpy.sqrt(v) / root + 1e-8)

    return jax.tree.map(moved, weights, m, v), [m, v]
