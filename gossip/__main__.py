"""`python -m gossip` is the `gossip` command."""

from gossip.flows.cli.main import main

if __name__ == "__main__":
    main()
