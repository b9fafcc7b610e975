"""`python -m reference_impl.verify`, for a machine that has torch and nothing more."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kb.errors import SslDoctorError
from reference_impl.verify.run import Options, verify


def main(arguments: list[str] | None = None) -> int:
    """Run the verification that `arguments` ask for; return the exit code."""
    parser = argparse.ArgumentParser("python -m reference_impl.verify", description=__doc__)
    parser.add_argument("methods", nargs="*", metavar="METHOD")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--values", dest="mode", action="store_const", const="values")
    mode.add_argument("--claims", dest="mode", action="store_const", const="claims")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--rotate", metavar="DAY")
    parser.add_argument("--evidence", type=Path, metavar="DIR")
    parser.add_argument("--no-write", dest="write", action="store_false")
    parser.add_argument("--json", dest="as_json", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    mode_chosen = chosen.mode or ("claims" if chosen.rotate else "values")
    try:
        return verify(
            Options(**{**vars(chosen), "methods": tuple(chosen.methods), "mode": mode_chosen})
        )
    except SslDoctorError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
