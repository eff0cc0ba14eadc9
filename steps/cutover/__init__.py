"""Steps of features/cutover/."""
