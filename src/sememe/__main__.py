"""`python -m sememe` is the command `sememe`."""

from __future__ import annotations

import sys

from sememe.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
