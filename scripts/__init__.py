"""How things change: the only code that writes to a system. README.md in this folder is the runbook."""
