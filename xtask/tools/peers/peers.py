"""Runs another scanner over the lines of a file of JSON strings and writes what it found, one line of JSON for each.

Usage: peers.py presidio|detect-secrets TEXTS ANSWERS SECONDS. Offsets are bytes of UTF-8. After SECONDS it stops; what is
missing then was not scanned. The last line tells the bytes scanned and the CPU time of this thread.
"""

import json
import sys
import time


def presidio():
    """All recognizers for German and all general ones, over a tokenizer without a model."""
    import logging

    import spacy
    from presidio_analyzer import predefined_recognizers as known
    from presidio_analyzer.nlp_engine import NlpArtifacts

    logging.disable(logging.CRITICAL)
    names = [name for name in dir(known) if name.startswith("De") and name.endswith("Recognizer")]
    names += [
        "CreditCardRecognizer",
        "EmailRecognizer",
        "IbanRecognizer",
        "IpRecognizer",
        "PhoneRecognizer",
        "MacAddressRecognizer",
    ]
    recognizers = [getattr(known, name)(supported_language="de") for name in names if hasattr(known, name)]
    language = spacy.blank("de")
    language.max_length = 10_000_000

    from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer

    enhancer = LemmaContextAwareEnhancer()

    def scan(text):
        document = language(text)
        words = [token.text.lower() for token in document]
        artifacts = NlpArtifacts(
            entities=[],
            tokens=document,
            tokens_indices=[token.idx for token in document],
            lemmas=words,
            nlp_engine=Engine(language),
            language="de",
        )
        results = []
        for recognizer in recognizers:
            found = recognizer.analyze(text, recognizer.supported_entities, artifacts) or []
            for one in found:
                one.recognition_metadata = {
                    "recognizer_name": recognizer.name,
                    "recognizer_identifier": recognizer.id,
                }
            results += found
        results = enhancer.enhance_using_context(text, results, artifacts, recognizers, [])
        return [(one.start, one.end, one.entity_type, one.score) for one in results if one.score >= 0.4]

    return scan


class Engine:
    """What Presidio asks of the engine behind its artifacts."""

    def __init__(self, language):
        self.language = language

    def is_stopword(self, word, _):
        return word in self.language.Defaults.stop_words

    def is_punct(self, word, _):
        return not any(letter.isalnum() for letter in word)


def detect_secrets():
    """All plug-ins and filters that are on by default, on a file, as its command line does."""
    import os
    import tempfile

    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "text.txt")

    def scan(text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        secrets = SecretsCollection()
        with default_settings():
            secrets.scan_file(path)
        starts = [0]
        for line in text.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        found = []
        for one in secrets.data.get(path, []):
            start = starts[one.line_number - 1]
            at = text.find(one.secret_value or "", start, starts[one.line_number])
            if at >= 0:
                found.append((at, at + len(one.secret_value), "SECRET", 1.0))
        return found

    return scan


def main():
    which, texts, answers, seconds = sys.argv[1:]
    scan = {"presidio": presidio, "detect-secrets": detect_secrets}[which]()
    begun = time.monotonic()
    spent, scanned = 0.0, 0
    with open(texts, encoding="utf-8") as lines, open(answers, "w", encoding="utf-8") as out:
        for line in lines:
            if time.monotonic() - begun > float(seconds):
                break
            text = json.loads(line)
            before = time.thread_time()
            found = scan(text)
            took = time.thread_time() - before
            spent += took
            scanned += len(text.encode())
            spans = [
                [len(text[:start].encode()), len(text[:end].encode()), kind, score] for start, end, kind, score in found
            ]
            out.write(json.dumps({"spans": spans, "us": took * 1e6}) + "\n")
        out.write(json.dumps({"bytes": scanned, "seconds": spent}) + "\n")


main()
