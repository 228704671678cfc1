"""The catalogue of the agreement kit: a case for everything public."""
