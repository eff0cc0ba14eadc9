"""How things change: the only code that writes to a system. README.md beside this file is the runbook."""
