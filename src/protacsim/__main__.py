"""`python -m protacsim`: the command line where its script is not on the path."""

from protacsim.cli import main

if __name__ == "__main__":
    main()
