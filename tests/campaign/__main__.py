"""`python -m tests.campaign`: damaged inputs over every reader, then solvers that die; one table at the end."""

from __future__ import annotations

import argparse
import sys
import time

from tests.campaign import deaths
from tests.campaign.inputs import OUTCOMES, Tally, try_kind
from tests.campaign.readers import READERS


def main() -> int:
    """Exit status 1 where anything was not as docs/reliability.md promises."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=10_000, help="damaged inputs, over all readers")
    parser.add_argument(
        "--kills", type=int, default=100, help="kills at random moments; with --jobs 0 too, nothing dies"
    )
    parser.add_argument("--jobs", type=int, default=300, help="solves in one worker")
    parser.add_argument("--seconds", type=float, default=3600.0, help="no new input is begun after so long")
    wanted = parser.parse_args()
    until = time.monotonic() + wanted.seconds
    tallies = {}
    for kind, reader in READERS.items() if wanted.inputs else ():
        count = max(round(wanted.inputs * reader.share), 1)
        tallies[kind] = try_kind(kind, count, wanted.seed, until)
        print(f"{kind}: {dict(tallies[kind].outcomes)}", *tallies[kind].bad[:5], sep="\n  ", flush=True)
    if tallies:
        print("\n" + table(tallies), flush=True)
    found = deaths.all_of_them(wanted.seed, wanted.kills, wanted.jobs, until) if wanted.kills or wanted.jobs else []
    print("\n| what dies | tried | lost or wrong |\n| --- | ---: | --- |")
    for name, tried, wrong in found:
        print(f"| {name} | {tried} | {'; '.join(wrong) or '0'} |")
    return 1 if any(tally.bad for tally in tallies.values()) or any(wrong for *_, wrong in found) else 0


def table(tallies: dict[str, Tally]) -> str:
    """Rows of kinds, columns of outcomes."""
    lines = [f"| input | tried | {' | '.join(OUTCOMES)} |", f"| --- | ---: |{' ---: |' * len(OUTCOMES)}"]
    rows = [(kind, tally.outcomes) for kind, tally in tallies.items()]
    rows.append(("all", sum((counts for _, counts in rows), type(rows[0][1])())))
    lines += [
        f"| {kind} | {counts.total()} | {' | '.join(str(counts[one]) for one in OUTCOMES)} |" for kind, counts in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
