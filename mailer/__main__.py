"""The command `mailer`, also as `python -m mailer`. It needs the extra `server`, and says so without it."""

import sys


def main() -> None:
    """Runs a command of `mailer.cli`."""
    try:
        from mailer.cli import main as run
    except ModuleNotFoundError as error:
        if (error.name or "mailer").partition(".")[0] == "mailer":
            raise
        sys.exit(f"mailer: the command needs {error.name}: pip install 'pactmail[server]'")
    run()


if __name__ == "__main__":
    main()
