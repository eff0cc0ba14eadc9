"""Steps of features/decommission/."""
