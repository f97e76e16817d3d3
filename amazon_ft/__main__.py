"""Run the command line as `python -m amazon_ft`."""

from amazon_ft.cli import main

raise SystemExit(main())
