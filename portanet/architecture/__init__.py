"""The architecture of a network as JSON: which constructors make it, with which arguments.

`describe(model)` writes it, `rebuild(text, …)` makes an equal network, whose arrays come from the
same file.
"""

from portanet.architecture.describe import VERSION as VERSION
from portanet.architecture.describe import describe as describe
from portanet.architecture.names import Names as Names
from portanet.architecture.rebuild import rebuild as rebuild
