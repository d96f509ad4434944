"""The change under review: what it touches, what is new in it, and whose code it is."""
