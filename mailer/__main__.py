"""The command `mailer`, also as `python -m mailer`. It needs the extra `server`, and says so without it."""

import gc
import sys


def main() -> None:
    """Runs a command of `mailer.cli`. Nothing that is imported is garbage, and to look for it takes a tenth longer."""
    gc.disable()
    try:
        from mailer.cli import main as run
    except ModuleNotFoundError as error:
        if (error.name or "mailer").partition(".")[0] == "mailer":
            raise
        sys.exit(f"mailer: the command needs {error.name}: pip install 'pactmail[server]'")
    gc.freeze()
    gc.enable()
    run()


if __name__ == "__main__":
    main()
