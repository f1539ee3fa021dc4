"""Writes what the base says to the plain English questions: `python replay.py URL KEY MODEL OUT.json`."""

import json
import sys
from pathlib import Path

from ask import answers
from prose import ENGLISH

TOKENS_MAX = 80

if __name__ == "__main__":
    url, key, model, target = sys.argv[1:]
    found = dict(zip(ENGLISH, answers(url, key, model, ENGLISH, TOKENS_MAX)))
    Path(target).write_text(json.dumps(found, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
