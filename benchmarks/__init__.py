"""portanet beside its peers, in one command: `python -m benchmarks` (or `make bench`).

networks.py      the nine networks, their data and their initial weights
contenders/      one file a peer; what a contender is stands in contenders/__init__.py
steps.py         the time of a training step, all contenders by turns in one fresh process
epochs.py        whole runs: loading, loss sums, validation
digits.py        an epoch of load_digits beside scikit-learn's MLPClassifier
growth.py        time and memory with batch, width, depth and data-set size
prefetch.py      how much of a transform's time prefetch hides (a script of its own)
planning.py      what planning costs, and after how many steps it has paid
cold.py          fresh processes: first steps, a second network, short trainings; the processes
                 themselves are cold_start.py and cold_runs.py, the networks cold_networks.py
gpu/             the same networks on a CUDA device, with all other checks: `make gpu`
kernels.py       a script of its own: tables of the networks' CUDA kernels, with estimates
same_bits.py     a script of its own: does a training give the same bits each time?
processes.py     fresh processes with a number of threads;  turns.py  taking turns in one
machine.py       what ran here;  report*.py and plot.py  docs/benchmarks.md and .png from results.json
"""
