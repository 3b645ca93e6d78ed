"""How types are checked while the tests run: an int is a float is a complex, as type checkers see them."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
