"""The ways that alarms leave by."""
