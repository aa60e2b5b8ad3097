"""`python -m exporter.cli` is `outage-exporter`."""

import sys

from exporter.cli import main

sys.exit(main())
