"""Reading image files that strangers made: pixels or one sentence, and never anything else.

Begin with `reader.py`. `formats/` looks at bytes before a decoder sees them; what the images are for is not known
here.
"""
