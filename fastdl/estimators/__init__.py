"""Networks as estimators of scikit-learn, and tables as what networks take."""
