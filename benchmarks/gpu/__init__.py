"""portanet on a CUDA device, everything in one command: `python -m benchmarks.gpu` (or `make gpu`).

__main__.py   runs the stages and writes one file, gpu-report.txt
stages.py     what the stages are
running.py    running a command: its outcome, its time, what it printed
report.py     the file: text, then the same as JSON; no paths, no addresses, no names of machines
device.py     what the device is, and whether it is one
networks.py   the benchmark networks on it
steps.py      the time of a training step, beside PyTorch's
one_step.py   a few steps of each network, for NVIDIA's compute-sanitizer
profiles.py   a step line by line, beside what was estimated
wheel.py      portanet's own wheel, alone
"""
