from tests.number_format import one_number_format  # noqa: F401 - a fixture of every test here
