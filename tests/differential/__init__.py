"""The differential fuzz of the compiled step: random programs, run compiled and as written.

A program is a network, a loss, a rule, options and a list of actions (steps, and what users do
between them). It is run twice from the same seeds, and everything that can be seen afterwards must
be the same: `python -m tests.differential --help`. Read `README.md` first.
"""
