"""sbatch, squeue and scancel for one machine without SLURM: a job is a process in a session of its own."""

import os
from pathlib import Path

_SBATCH = """#!/bin/bash
cd {root}
[ -e REFUSE ] && [ $(ls jobs | wc -l) -ge $(cat MOST) ] && {{ echo "sbatch: error: $(cat REFUSE)" >&2; exit 1; }}
for word in "$@"; do case $word in --output=*) out=${{word#--output=}} ;; esac; done
id=$(( $(ls jobs | wc -l) + 1 ))
echo "$@" >> asked
touch jobs/$id
[ -e QUEUE ] || {{ cat > script-$id; setsid bash script-$id >> "${{out/\\%j/$id}}" 2>&1 & echo $! > jobs/$id; }}
echo "Submitted batch job $id"
"""
_SQUEUE = """#!/bin/bash
cd {root}/jobs
for id in *; do
  [ "$id" = "*" ] && exit
  pid=$(cat $id)
  if [ -z "$pid" ]; then echo "$id|PENDING|Resources"
  elif [ "$pid" != gone ] && kill -0 $pid 2>/dev/null; then echo "$id|RUNNING|None"; fi
done
"""
_SCANCEL = """#!/bin/bash
cd {root}/jobs
for id in *; do
  [ "$id" = "*" ] && exit
  pid=$(cat $id)
  [ -n "$pid" ] && [ "$pid" != gone ] && kill -TERM -$pid 2>/dev/null
  echo gone > $id
done
"""


class StandIn:
    """SLURM as far as a run needs it; ``bin`` belongs in front of the PATH."""

    def __init__(self, root: Path):
        self.root, self.bin = root, root / "bin"
        for directory in (self.bin, root / "jobs"):
            directory.mkdir(parents=True)
        for name, text in (("sbatch", _SBATCH), ("squeue", _SQUEUE), ("scancel", _SCANCEL)):
            (self.bin / name).write_text(text.format(root=root))
            (self.bin / name).chmod(0o755)

    @property
    def path(self) -> str:
        """The PATH with it."""
        return f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    @property
    def asked(self) -> list[str]:
        """The options of each job that was asked for."""
        file = self.root / "asked"
        return file.read_text().splitlines() if file.exists() else []

    def refuse(self, words: str, after: int = 0) -> None:
        """Take no job beyond the first few."""
        (self.root / "MOST").write_text(str(after))
        (self.root / "REFUSE").write_text(words)

    def hold(self) -> None:
        """Start no job from now on."""
        (self.root / "QUEUE").touch()

    def processes(self) -> list[int]:
        """The process of each job that was started and not cancelled."""
        return [int(text) for f in sorted((self.root / "jobs").iterdir()) if (text := f.read_text().strip()).isdigit()]
