"""The command line of scripts/faults."""
