"""The one exception that a user's mistake raises."""


class UserError(Exception):
    """Something that the user can put right, told in one sentence: what is wrong, where, and what to do.

    Commands print it on stderr without a traceback and exit with status 2.
    """
