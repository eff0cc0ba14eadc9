"""Steps of features/stability/."""
