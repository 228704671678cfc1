"""Faults of data-parallel training: only several ranks show them (portanet verify --distributed)."""

from benchmarks.planted.fault import Fault

_JOINED, _SHARE = "joined.py", '__import__("portanet.joined").joined.present_share()'
_RANK = 'int(__import__("os").environ.get("OMPI_COMM_WORLD_RANK", 0))'
_NORM = "layers/batch_normalization.py"

RANKS = [
    Fault("missing 1/N of the joined batch", _JOINED, "    return share.n\n", "    return n\n",
          "clipping", ranks=2),
    Fault("sum of a rank's weights", "loss.py", "joined(xp.sum(weights)) * n_elements",
          "xp.sum(weights) * n_elements", "sample weights", ranks=2),
    Fault("a rank's own shuffle", "data/loader.py", "generator_at(self.key.position(epoch))",
          f"generator_at(self.key.position(epoch + {_RANK}))", "dropout", ranks=2),
    Fault("every rank the same rows of the mask", _JOINED,
          "return share.start * prod(shape[1:])", "return 0", "dropout", ranks=2),
    Fault("statistics of other ranks forgotten", _NORM, "joined(squares) / n", "squares / n",
          "batch norm, joined", ranks=2),
    Fault("gradient of joined statistics forgotten", _NORM,
          "total, along = joined(xp.stack([total, along]))", "pass", "batch norm, joined", ranks=2),
    Fault("running statistics not taken over", "training/epochs.py",
          "            self._together.share_buffers(self)\n", "", "batch norm, of each rank",
          ranks=2),
    Fault("schedule stepped twice", "optimizer.py", '{"n_steps": self.n_steps + 1}',
          f'{{"n_steps": self.n_steps + (1 if {_SHARE} is None else 2)}}', "schedule", ranks=2),
    Fault("schedule told twice", "training/epochs.py", "report_epoch(self.optimizer, row)\n",
          "[report_epoch(self.optimizer, row) for _ in range(1 + (self._together is not None))]\n",
          "schedule that follows", ranks=2),
    Fault("sum on a stream that nothing waits for", "backends/_cupy/nccl.py",
          "dtype, stream = self._dtypes[str(x.dtype)], cp.cuda.get_current_stream().ptr",
          "dtype, stream = self._dtypes[str(x.dtype)], vars(self).setdefault(\n"
          '            "_own", cp.cuda.Stream(non_blocking=True)).ptr',
          "dropout", ("cupy",), ranks=2),
]  # fmt: skip
