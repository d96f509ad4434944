"""Use a store behind ``secagg serve`` over HTTPS, without the password of its database."""
