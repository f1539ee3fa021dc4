"""Asks a running house, many questions at once, greedily. Only the standard library."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor


def answers(url: str, key: str, model: str, questions: list[str], tokens_max: int, at_once: int = 8) -> list[str]:
    def ask(question: str) -> str:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": tokens_max,
        }
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=600) as response:
            return json.load(response)["choices"][0]["message"]["content"]

    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(ask, questions))
