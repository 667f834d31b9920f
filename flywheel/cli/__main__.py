"""`python -m flywheel.cli`: the `flywheel` command without its launcher."""

import sys

from flywheel.cli.main import main

sys.exit(main())
