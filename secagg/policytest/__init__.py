"""Tests of policies: findings in, expected verdict out, judged by the code of the gate."""
