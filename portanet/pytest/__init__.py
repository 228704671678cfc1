"""A pytest plugin for projects on the array API: tests on every backend, and what they proved.

It is not loaded unless a project asks for it: by `pytest -p portanet.pytest`, or in its conftest.py

    pytest_plugins = ["portanet.pytest"]

    def test_softplus(backend):                        # once on each backend that runs here
        backend.asarray(...)

    def test_agreement(assert_backends_agree):         # on all of them, beside NumPy in float64
        assert_backends_agree(softplus, np.linspace(-9, 9, 100))

    pytest --backends numpy,cupy                       only these
    pytest --require-backend cupy                      a missing one is an error

At the end stands which backend was proved by how many tests, and which was not and why.
"""

from portanet.pytest.agreement import Agreement, assert_backends_agree
from portanet.pytest.ledger import pytest_terminal_summary
from portanet.pytest.plugin import (
    agreement_fixture,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
)

__all__ = [
    "Agreement",
    "agreement_fixture",
    "assert_backends_agree",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_terminal_summary",
]
