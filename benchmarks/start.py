"""How long `import thresher`, all its public names and `thresher demo` take, in seconds of CPU: the least of a few tries each.

python benchmarks/start.py
"""

import resource
import subprocess
import sys
import tempfile

MOST_IMPORT_SECONDS = 0.5
MOST_DEMO_SECONDS = 6.0
TRIES = 5
DEMO = "import sys; from thresher.cli.app import run; sys.exit(run(['demo', '--quiet', '-o', sys.argv[1]]))"


def cpu_seconds(code: str, *arguments: str) -> float:
    """CPU of one fresh interpreter that runs `code`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print both times beside their limits."""
    imported = min(cpu_seconds("import thresher") for _ in range(TRIES))
    named = min(cpu_seconds("from thresher import *") for _ in range(TRIES))
    with tempfile.TemporaryDirectory() as folder:
        demo = min(cpu_seconds(DEMO, folder) for _ in range(2))
    print(f"import thresher  {imported:.2f} s of CPU (limit {MOST_IMPORT_SECONDS} s)")
    print(f"all its names    {named:.2f} s of CPU, for they load when first asked for")
    print(f"thresher demo    {demo:.2f} s of CPU (limit {MOST_DEMO_SECONDS:.0f} s)")


if __name__ == "__main__":
    main()
