"""`python -m pymailcore` is the command line."""

from pymailcore.cli.main import main

if __name__ == "__main__":
    main()
