"""The tests of secagg; ``make test`` sets up what they need."""
