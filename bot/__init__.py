"""The running program."""

import warnings

# Authlib would rather have httpx2, which we do not use; nobody who runs the program can help it.
warnings.filterwarnings("ignore", message="The httpx module is deprecated")
