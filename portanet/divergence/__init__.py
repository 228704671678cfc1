"""Where a run has diverged: the first step, layer and array with numbers that are not finite.

Read diagnosis.py first.

    diagnosis.py   goes over an epoch again, up to the first step that is not finite
    run_point.py   all that training changes, copied, to go back to
    watch.py       looks at what layers return, and at gradients, while they compute
    advice.py      what usually helps
"""
