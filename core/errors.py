"""The one exception that speaks to users."""


class UserError(Exception):
    """A mistake a user can mend, said in one sentence: what was given, what is allowed, what to do.

    The command line prints it on standard error and exits with status 2; pages and the Gradio widgets show it as it
    stands. Anything else that escapes is a defect of ours and may show a traceback.
    """
