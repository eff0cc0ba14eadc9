"""The probes' tests: those below ``inside`` run in the lab's network, which a process can enter but never leave."""

import os

collect_ignore = [] if os.environ.get("MXGATE_INSIDE") else ["inside"]
