"""`python -m dtlpipe.cli`: the command line without an installed script."""

from dtlpipe.cli import main

main()
