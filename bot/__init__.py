"""The running program."""

import warnings

from authlib.deprecate import AuthlibDeprecationWarning

# Authlib would rather have httpx2, which we do not use; nobody who runs the program can help it.
warnings.filterwarnings("ignore", "The httpx module is deprecated", AuthlibDeprecationWarning)
