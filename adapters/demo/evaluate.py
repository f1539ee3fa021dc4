"""Asks the held-out questions and counts right answers: `python evaluate.py URL KEY MODEL [ANSWERS.jsonl]`.

A question is right when every pattern of `right` is found in the answer, in any case, and none of `wrong`. The
patterns were written before any model was asked. Context and question are put together as FRAME says.
"""

import json
import re
import sys
from pathlib import Path

from ask import answers

HELD_OUT = Path(__file__).parent / "held-out"
FRAME = {"de": "Text: {context}\n\nFrage: {question}", "en": "Text: {context}\n\nQuestion: {question}"}
TOKENS_MAX = 120


def is_right(held: dict, answer: str) -> bool:
    found = [re.search(pattern, answer, re.IGNORECASE | re.DOTALL) for pattern in held["right"]]
    wrong = [re.search(pattern, answer, re.IGNORECASE | re.DOTALL) for pattern in held.get("wrong", [])]
    return all(found) and not any(wrong)


def main(url: str, key: str, model: str, keep: str | None) -> None:
    kept = []
    for path in sorted(HELD_OUT.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        frame = FRAME[path.stem[-2:]]
        questions = [frame.format(**row) if "context" in row else row["question"] for row in rows]
        found = answers(url, key, model, questions, TOKENS_MAX)
        marks = [is_right(row, answer) for row, answer in zip(rows, found)]
        line = f"{path.stem:12} {sum(marks):3} of {len(marks)}"
        if "context" in rows[0]:
            for name, wanted in (("in the text", True), ("not in it", False)):
                some = [mark for row, mark in zip(rows, marks) if row["answerable"] is wanted]
                line += f"   {name}: {sum(some)} of {len(some)}"
        print(line, flush=True)
        kept += [{"id": row["id"], "right": mark, "answer": answer} for row, mark, answer in zip(rows, marks, found)]
    if keep:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        Path(keep).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4] if len(sys.argv) > 4 else None)
