"""`python -m portanet` runs the command line."""

import sys

from portanet.cli import main

sys.exit(main())
