"""`ssl-doctor verify`: is each loss the paper's, and do the methods' claims hold?"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("methods", nargs=-1, metavar="[METHOD]...")
@click.option(
    "--values", "mode", flag_value="values", help="Check the losses. The default; 3 minutes."
)
@click.option(
    "--claims", "mode", flag_value="claims", help="Test the claims by training. 45 minutes."
)
@click.option("--device", default="cpu", show_default=True, help="Such as cuda.")
@click.option(
    "--seeds", type=click.IntRange(2), help="Trainings of an arm; by default 3 to 5, by claim."
)
@click.option("--jobs", type=click.IntRange(1), help="Trainings at once; by default the cores.")
@click.option("--rotate", metavar="DAY", help="Claims of one method by the day, such as today.")
@click.option(
    "--evidence",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where evidence goes; by default kb/evidence/methods of a checkout.",
)
@click.option("--no-write", "write", flag_value=False, default=True, help="Write no evidence.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(
    methods: tuple[str, ...],
    mode: Literal["values", "claims"] | None,
    device: str,
    seeds: int | None,
    jobs: int | None,
    rotate: str | None,
    evidence: Path | None,
    write: bool,
    as_json: bool,
) -> int:
    """Check the laboratory's losses against their papers, or test the methods' claims.

    Exit code 5 means that a value is wrong. A refuted claim is a result, not a failure.

    \b
    Examples:
      ssl-doctor verify vicreg
      ssl-doctor verify simclr byol --claims --seeds 5
    """
    from reference_impl.verify.run import Options
    from reference_impl.verify.run import verify as run

    chosen = mode or ("claims" if rotate else "values")
    return run(
        Options(
            methods=methods,
            mode=chosen,
            device=device,
            seeds=seeds,
            jobs=jobs,
            rotate=rotate,
            evidence=evidence,
            write=write,
            as_json=as_json,
        )
    )
