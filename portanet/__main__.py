"""`python -m portanet` is `portanet`."""

import sys

from portanet.cli import main

sys.exit(main())
