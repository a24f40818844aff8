"""The one exception that a user's mistake raises, and the one that a full disk does."""

import errno


class UserError(Exception):
    """Something that the user can put right, told in one sentence: what is wrong, where, and what to do.

    Commands print it on stderr without a traceback and exit with status 2.
    """


def is_no_space(error: OSError) -> bool:
    """Whether an error says that a disk, a quota or a file-size limit is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
