"""``python -m core …`` is ``deep-potential …``."""

import sys

from core.cli import main

sys.exit(main())
