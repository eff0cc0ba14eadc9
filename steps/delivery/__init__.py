"""Steps of features/delivery/."""
