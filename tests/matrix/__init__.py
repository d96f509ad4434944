"""Every place where a decision can be made, against every place where it has to act."""
