"""The networks of the benchmarks compile with default options, and nothing is refused."""

import pytest
from benchmark_networks import NETWORKS

import portanet
from portanet import compile_step
from portanet.checks import skip_value_checks


@pytest.mark.parametrize("name", NETWORKS.NETWORKS)
def test_a_network_of_the_benchmarks_is_replayed(name):
    """A warning, which says why a step is not compiled, would be an error here."""
    network = NETWORKS.NETWORKS[name]
    model = NETWORKS.model(network)
    optimizer = getattr(portanet, network.optimizer)(model, lr=network.lr)
    step = compile_step(model, optimizer)
    x, y = NETWORKS.batches(network, *NETWORKS.data(network, 2))[0]
    with skip_value_checks():
        for _ in range(5):
            losses = step(x, y)
    assert step.refused is None
    assert step.plans.n_replays == 4
    assert losses.shape == (network.batch,)
