"""A plugin of pytest: notes what CuPy gives to NVRTC for portanet's hand-written kernels.

CUDA_TEXTS=FOLDER pytest -p record_cuda writes a file for each text; test_toolkit.py compiles them.
"""

import hashlib
import json
import os
from pathlib import Path


def pytest_configure():
    from cupy.cuda import compiler

    folder = Path(os.environ["CUDA_TEXTS"])
    folder.mkdir(parents=True, exist_ok=True)
    original = compiler._compile_module_with_cache

    def compile_and_note(source, options=(), *args, **keywords):
        module = original(source, options, *args, **keywords)  # texts with errors end here
        if is_ours(source, options):
            note(folder, source, options)
        return module

    compiler._compile_module_with_cache = compile_and_note


def is_ours(source, options):
    """Fused kernels begin with the prelude; tests/test_nvrtc_kernels.py compiles all of those."""
    # not imported above: lines that run before coverage is measured would count as not covered
    from portanet.backends._cupy.compiling import OPTIONS
    from portanet.compiler.engines.cuda.text import PRELUDE

    ours = "portanet_" in source or set(OPTIONS) <= set(options)
    return ours and not source.startswith(PRELUDE)


def note(folder, source, options):
    """Write a text, and the options without this CuPy's folders of headers."""
    options = [option for option in options if not option.startswith("-I")]
    text = json.dumps({"source": source, "options": options})
    (folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json").write_text(text)
