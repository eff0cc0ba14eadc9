"""Steps of features/outage/."""
