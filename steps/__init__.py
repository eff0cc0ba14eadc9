"""The words of the features: each step calls one probe and judges what it brought back."""
