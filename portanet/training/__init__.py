"""What a Trainer is made of: checks, staged loaders, evaluation, metrics and schedules.

Read evaluation.py first.

    trainer_parts.py  the parts of a trainer, and what takes its steps
    epochs.py       one epoch of a trainer, and the evaluation that follows it
    averaging.py    the moving average of the weights
    optimizer_options.py   what a trainer tells its optimizer
    parts.py        whether model, optimizer, loaders and metric belong together
    staged.py       loaders whose data lie on the device, for as long as the loaders live
    evaluation.py   the mean loss and the metric over a loader's data
    metric.py       what a metric returns, and whether it can be computed at all
    row.py          an epoch's numbers: fetched, checked, printed
    streams.py      how far loaders and layers have drawn their random numbers
    schedules.py    learning rates that depend on the loss
"""
