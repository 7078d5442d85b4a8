"""A sentence encoder learns the language of contracts: figures before and after.

pip install 'sememe[train,weights]'
python examples/domain_adaptation.py            # some minutes on 2 cores
python examples/domain_adaptation.py --quick    # a few steps, only to see it run
"""

import sys
from pathlib import Path

from sememe.train.domain import DomainAdaptation

data = Path(__file__).parent / "domain"
quick = "--quick" in sys.argv
less = {"mlm_epochs": 0.2, "epochs": 0.5, "evaluations": 1} if quick else {}

training = DomainAdaptation(
    "all-minilm-l6-v2", **{"mlm_epochs": 3, "evaluations": 3, "compare": not quick, **less}
)
training.fit(data / "contracts.txt", examples=data / "train.tsv", evaluate=data / "held_out.tsv")

report = training.report_
print(f"{'':40}before   after")
for name, before, after in report.rows():
    print(f"{name:40}{before}  {after}")
print(f"{len(report.new_words)} new words: {', '.join(report.new_words[:8])}, ...")
for note in report.notes:
    print(f"note: {note}")
