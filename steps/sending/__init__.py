"""Steps of features/sending/."""
