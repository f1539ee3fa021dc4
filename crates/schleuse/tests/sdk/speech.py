"""Has speech written down with OpenAI's own Python SDK.

    speech.py BASE_URL KEY MODELS

MODELS is a JSON list of `{"name": …, "times": …}`: the models hear what stands as text in a file behind `RIFF`, and those
with times tell when it was said. A model `deaf` takes no speech. Exits 0 when everything was as it should be.
"""

import io
import json
import sys

import openai

url, key, models = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, timeout=60)
SAID = "Guten Tag, hier spricht Köln, es ist sechs Uhr."
IBAN = "DE89370400440532013000"


def sound(said=SAID):
    file = io.BytesIO(b"RIFF" + said.encode())
    file.name = "speech.wav"
    return file


def hear(model, said=SAID, **more):
    return client.audio.transcriptions.create(model=model["name"], file=sound(said), **more)


def cell_json(model):
    heard = hear(model, language="de", temperature=0.2, prompt="Köln")
    assert heard.text == SAID and heard.usage.type in ("duration", "tokens"), heard
    # Plain bytes have a name as well.
    heard = client.audio.transcriptions.create(model=model["name"], file=("x.mp3", b"RIFF" + SAID.encode()))
    assert heard.text == SAID, heard


def cell_text(model):
    assert hear(model, response_format="text") == SAID + "\n"


def cell_times(model):
    if not model["times"]:
        return refused(openai.BadRequestError, None, lambda: hear(model, response_format="srt"))
    subtitles = hear(model, response_format="srt")
    assert subtitles.startswith("1\n00:00:00,000 --> 00:00:02,000\nGuten Tag, hier spricht\n\n2\n"), subtitles
    subtitles = hear(model, response_format="vtt")
    assert subtitles.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nGuten Tag, hier spricht\n\n"), subtitles
    wanted = ["word", "segment"]
    heard = hear(model, response_format="verbose_json", timestamp_granularities=wanted)
    assert heard.text == SAID and heard.duration > 4 and heard.language == "german", heard
    assert "".join(segment.text for segment in heard.segments).strip() == SAID, heard.segments
    assert [word.word for word in heard.words][:3] == ["Guten", "Tag", "hier"], heard.words


def cell_stream(model):
    events = list(hear(model, stream=True))
    assert "".join(event.delta for event in events[:-1]) == SAID, events
    assert (events[-1].type, events[-1].text) == ("transcript.text.done", SAID), events[-1]


def cell_translation(model):
    said = client.audio.translations.create(model=model["name"], file=sound(), prompt="Köln").text
    assert said == SAID, said


def refused(kind, code, ask):
    try:
        ask()
    except kind as error:
        assert code is None or error.code == code, error.body
        return
    raise AssertionError(f"not refused with {code}")


def cell_blocked(model):
    secret = "Das Konto ist " + " ".join(IBAN[at : at + 4] for at in range(0, len(IBAN), 4))
    blocked = (openai.PermissionDeniedError, "sensitive_data_detected")
    refused(*blocked, lambda: hear(model, prompt="Konto " + IBAN))
    for form in ["json", "text"] + (["srt", "vtt", "verbose_json"] if model["times"] else []):
        refused(*blocked, lambda: hear(model, secret, response_format=form))
    try:
        told = ""
        for event in hear(model, secret, stream=True):
            told += getattr(event, "delta", "")
            assert event.type != "transcript.text.done", event
        raise AssertionError("not blocked")
    except openai.APIError as error:
        assert error.code == "sensitive_data_detected" and IBAN[4:8] not in told, (error.body, told)


rows = [row for name, row in list(globals().items()) if name.startswith("cell_")]
for model in models:
    for row in rows:
        try:
            row(model)
        except BaseException:
            print("failed:", model["name"], row.__name__, flush=True)
            raise
refused(openai.BadRequestError, "invalid_request", lambda: hear({"name": "deaf"}))
print(len(rows) * len(models), "cells passed")
