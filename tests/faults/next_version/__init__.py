"""A next version of the product, as far as its database goes: additive changes of the tables that are written most."""
