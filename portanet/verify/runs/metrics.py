"""A metric at a place."""

import numpy as np

from portanet.verify.catalogue.metrics import MetricCase
from portanet.verify.runs.inputs import Draw, rounded
from portanet.verify.runs.layouts import values_of
from portanet.verify.runs.where import Where

N = 50


def run_metric(case: MetricCase, draw: Draw, where: Where) -> dict[str, np.ndarray]:
    """Return what a metric says of predictions and targets that are drawn, as "value"."""
    y_hat, y = case.draw(draw.generator(case.name), draw.n or N)
    y_hat = values_of(rounded(y_hat), draw.layout)
    value = case.metric(where.array(y_hat, draw.layout), where.array(rounded(y)))
    return {"value": where.host("value", value)}
