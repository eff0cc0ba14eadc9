"""Steps of features/admission/."""
