"""Measures Corecast beside the two bare fan-outs and nginx with Lua, all on this machine and in one run.

    python3 benches/compare                   everything; writes docs/performance.md and docs/latency.svg
    python3 benches/compare table load        some of it, beside what was measured on this machine today
    python3 benches/compare --quick           in a minute or two, to see that it works; writes nothing

It builds the release profile first, or that of the variable CORECAST_BENCH_PROFILE. Results also go to
target/compare.json. It ends what it starts.
"""

import argparse
import sys

sys.dont_write_bytecode = True

import measure
import pages
import rig


def main():
    names = {function.__name__: function for function in measure.ALL}
    parser = argparse.ArgumentParser(
        prog="compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"some of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="short runs, which prove nothing")
    parser.add_argument("--no-build", action="store_true", help="measure what was built before")
    args = parser.parse_args()
    unknown = set(args.what) - set(names)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: there is only {', '.join(names)}")
    if not args.no_build:
        rig.build()
    rig.install_nginx()
    measure.many_files()
    results = {"machine": pages.machine()}
    for name in args.what or names:
        print(f"{name} …", file=sys.stderr, flush=True)
        results[name] = names[name](measure.Lengths(args.quick))
    if not args.quick:
        pages.write(pages.keep(results))
    print(pages.report(results))


main()
