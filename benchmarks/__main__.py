"""All benchmarks, one after the other."""

import subprocess
import sys
from pathlib import Path

for script in ("schur_form", "rollouts"):
    print(f"\n{script}", flush=True)
    done = subprocess.run([sys.executable, str(Path(__file__).with_name(f"{script}.py"))])
    if done.returncode:
        sys.exit(done.returncode)
