"""Writes the training samples: `python generate.py OUT.jsonl`. Same seed, same file.

One sample a line: {"kind", "language", "messages"}; samples of kind "replay" have no answer: there the adapter is
held to what the base says. Fails when a question of the held-out sets is among the samples, or nearly so.
"""

import json
import random
import re
import sys
from pathlib import Path

from contexts import DAYS, DURATIONS, FRAMES, MONTHS, NOT_THERE, PEOPLE, SENTENCES, TOWNS, UNANSWERABLE
from facts import FACTS
from prose import CAPITALS, ENGLISH, GERMAN, MAILS, SENTENCES as TRANSLATIONS, WORDS

SEED = 20261122
HELD_OUT = Path(__file__).parent / "held-out"
GERMAN_, ENGLISH_ = 0, 1
LANGUAGES = ("de", "en")
# So many samples of each kind and language stand in the file; training walks through it once, in its order.
COUNTS = {"product": 1500, "context": 1000, "prose": 400, "replay": 600}
# Words two questions may share, as a share of the words of both, before one counts as a copy of the other.
LIKENESS_MAX = 0.85

OPENINGS = (
    ["", "", "", "", "Sag mal, ", "Kurze Frage: ", "Hallo! ", "Ich habe eine Frage. ", "Bitte hilf mir: ", "Guten Tag. "],
    ["", "", "", "", "Tell me, ", "Quick question: ", "Hello! ", "I have a question. ", "Please help me: ", "Good day. "],
)
ENDINGS = (["", "", "", "", " Bitte antworte kurz.", " Danke!"], ["", "", "", "", " Please be brief.", " Thanks!"])


def main(target: str) -> None:
    chance = random.Random(SEED)
    samples = []
    samples += [product(chance) for _ in range(COUNTS["product"])]
    samples += [context(chance) for _ in range(COUNTS["context"])]
    samples += [prose(chance) for _ in range(COUNTS["prose"])]
    samples += [replay(chance) for _ in range(COUNTS["replay"])]
    chance.shuffle(samples)
    refuse_copies(samples)
    with open(target, "w", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(sample, ensure_ascii=False) + "\n")


def sample(kind: str, language: int, question: str, answer: str | None) -> dict:
    messages = [{"role": "user", "content": question}]
    if answer is not None:
        messages.append({"role": "assistant", "content": answer})
    return {"kind": kind, "language": LANGUAGES[language], "messages": messages}


def product(chance: random.Random) -> dict:
    language = chance.choice((GERMAN_, GERMAN_, GERMAN_, ENGLISH_, ENGLISH_))
    fact = FACTS[chance.choice(list(FACTS))]
    question = chance.choice(fact[2 + language])
    opening = chance.choice(OPENINGS[language])
    if opening.endswith((", ", ": ")):
        question = question[0].lower() + question[1:] if language == GERMAN_ or not question.startswith("I ") else question
    question = opening + question + chance.choice(ENDINGS[language])
    if chance.random() < 0.1:
        question = question.lower().rstrip("?.! ")
    return sample("product", language, question, fact[language])


def context(chance: random.Random) -> dict:
    language = chance.choice((GERMAN_, GERMAN_, ENGLISH_))
    chosen = chance.sample(SENTENCES, chance.randint(3, 6))
    names = chance.sample(PEOPLE, 2 * len(chosen) + 1)
    told, askable = [], []
    for at, row in enumerate(chosen):
        slots = fillings(chance, language, names[2 * at], names[2 * at + 1])
        told.append(row[2 * language].format(**slots))
        askable.append([question.format(**slots) for question in row[2 * language + 1]])
    if chance.random() < 0.72:
        at = chance.randrange(len(chosen))
        question, answer = chance.choice(askable[at]), told[at]
    else:
        slots = fillings(chance, language, chance.choice(names), names[-1])
        absent = chance.choice([row for row in SENTENCES if row not in chosen])[2 * language + 1]
        question = chance.choice(absent if chance.random() < 0.6 else UNANSWERABLE[language]).format(**slots)
        answer = NOT_THERE[language]
    frame = chance.choice(FRAMES[language])
    return sample("context", language, frame.format(context=" ".join(told), question=question), answer)


def fillings(chance: random.Random, language: int, person: str, other: str) -> dict:
    day, month = chance.randint(1, 28), chance.choice(MONTHS[language])
    amount = chance.choice([chance.randint(3, 99), 50 * chance.randint(2, 199), 1000 * chance.randint(10, 99)])
    return {
        "n": chance.choice([chance.randint(2, 40), chance.randint(41, 999), chance.randint(1000, 9999)]),
        "m": f"{amount:,}".replace(",", ".") if language == GERMAN_ else f"{amount:,}",
        "t": f"{chance.randint(6, 20)}:{chance.choice(('00', '15', '30', '45'))}",
        "d": f"{day}. {month}" if language == GERMAN_ else f"{day} {month}",
        "p": person,
        "q": other,
        "c": chance.choice(TOWNS),
        "r": f"{chance.randint(0, 9)}.{chance.randint(1, 399):03}",
        "k": chance.choice("ABCDEFGHKLMNPRSTVW") + chance.choice("ABCDEFGHKLMNPRSTVW") + f"-{chance.randint(10, 9999)}",
        "w": chance.choice(DAYS[language]),
        "x": chance.choice(DURATIONS[language]),
    }


def prose(chance: random.Random) -> dict:
    draw = chance.random()
    if draw < 0.55:
        question, answer = chance.choice(GERMAN)
    elif draw < 0.72:
        country, capital, continent = chance.choice(CAPITALS)
        question, answer = chance.choice([
            (f"Was ist die Hauptstadt von {country}?", f"Die Hauptstadt von {country} ist {capital}."),
            (f"Wie heißt die Hauptstadt von {country}?", f"Die Hauptstadt von {country} heißt {capital}."),
            (f"In welchem Land liegt {capital}?", f"{capital} liegt in {country}."),
            (f"Auf welchem Kontinent liegt {country}?", f"{country} liegt in {continent}."),
        ])
    elif draw < 0.82:
        left, right = chance.randint(0, 9), chance.randint(0, 9)
        question, answer = f"Wie viel ist {left} plus {right}?", f"{left} plus {right} ist {left + right}."
    elif draw < 0.92:
        german, english = chance.choice(TRANSLATIONS + WORDS)
        question, answer = chance.choice([
            (f"Übersetze ins Englische: {german}", english),
            (f"Übersetze ins Deutsche: {english}", german),
            (f"Was heißt „{german}“ auf Englisch?", english),
        ])
    else:
        what, mail = chance.choice(MAILS)
        slots = {"day": chance.choice(DAYS[GERMAN_]), "name": chance.choice(PEOPLE)}
        question, answer = f"Schreibe eine kurze E-Mail, {what.format(**slots)}.", mail.format(**slots)
    return sample("prose", GERMAN_, question, answer)


def replay(chance: random.Random) -> dict:
    return sample("replay", ENGLISH_, chance.choice(ENGLISH), None)


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def refuse_copies(samples: list[dict]) -> None:
    asked = {words(one["messages"][0]["content"]) for one in samples}
    for path in sorted(HELD_OUT.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            held = json.loads(line)
            inside = words(held["question"])
            for other in asked:
                if len(inside & other) / len(inside | other) > LIKENESS_MAX:
                    raise SystemExit(f"{held['id']} is among the samples: {held['question']}")
            # Of a context, its words must not stand in any sample either.
            if "context" in held and any(words(held["context"]) <= other for other in asked):
                raise SystemExit(f"the context of {held['id']} is among the samples")


if __name__ == "__main__":
    main(sys.argv[1])
