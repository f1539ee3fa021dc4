"""Has a house work through batches with OpenAI's own Python SDK.

    batches.py BASE_URL KEYS

KEYS is the `keys` object of the ready file. The house has the model `tiny`, which answers. Exits 0 when everything was as
it should be.
"""

import json
import sys
import time

import openai

url, keys = sys.argv[1], json.loads(sys.argv[2])
IBAN = "DE89370400440532013000"
OVER = ["completed", "failed", "cancelled", "expired"]


def client(role):
    return openai.OpenAI(base_url=url + "/v1", api_key=keys[role], max_retries=0, timeout=30)


employee = client("employee")


def line(custom_id, text, path="/v1/chat/completions"):
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": 16}
    if path == "/v1/responses":
        body = {"model": "tiny", "input": text}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": path, "body": body})


def upload(lines, **more):
    return employee.files.create(file=("fragen.jsonl", "\n".join(lines).encode()), purpose="batch", **more)


def run(lines, path="/v1/chat/completions", **more):
    batch = employee.batches.create(
        input_file_id=upload(lines, **more).id, endpoint=path, completion_window="24h", metadata={"zweck": "probe"}
    )
    assert batch.object == "batch" and batch.status in ["validating", "in_progress"], batch
    return wait(batch)


def wait(batch):
    until = time.monotonic() + 60
    while batch.status not in OVER:
        assert time.monotonic() < until, batch
        time.sleep(0.05)
        batch = employee.batches.retrieve(batch.id)
    return batch


def lines_of(file_id):
    return [json.loads(text) for text in employee.files.content(file_id).text.splitlines()]


def refused(kind, code, call):
    try:
        call()
    except kind as error:
        assert error.code == code, error
        assert error.body["next"], error
        return error
    raise AssertionError(f"not refused with {code}")


def check_batch():
    batch = run([line("a", "Hallo"), line("b", f"Konto {IBAN}"), line("c", "Guten Tag")])
    assert batch.status == "completed" and batch.errors is None and batch.metadata == {"zweck": "probe"}, batch
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 2, 1), counts
    assert batch.in_progress_at and batch.finalizing_at and batch.completed_at
    output = lines_of(batch.output_file_id)
    assert [answer["custom_id"] for answer in output] == ["a", "c"], output
    for answer in output:
        assert answer["error"] is None and answer["response"]["status_code"] == 200, answer
        assert answer["response"]["request_id"] and answer["response"]["body"]["choices"][0]["message"]["content"]
    [blocked] = lines_of(batch.error_file_id)
    assert blocked["custom_id"] == "b" and blocked["response"]["status_code"] == 403, blocked
    assert blocked["response"]["body"]["error"]["code"] == "sensitive_data_detected", blocked
    assert IBAN not in json.dumps(blocked)
    output = employee.files.retrieve(batch.output_file_id)
    assert output.purpose == "batch_output" and output.filename.endswith(".jsonl") and output.expires_at, output


def check_responses():
    batch = run([line("a", "Hallo", "/v1/responses")], "/v1/responses")
    [answer] = lines_of(batch.output_file_id)
    assert answer["response"]["body"]["object"] == "response", answer


def check_errors():
    batch = run([line("a", "Hallo"), "kein JSON", line("a", "Hallo")])
    assert batch.status == "failed" and batch.output_file_id is None, batch
    assert [(error.line, error.code) for error in batch.errors.data] == [
        (2, "invalid_json_line"),
        (3, "duplicate_custom_id"),
    ], batch.errors
    assert "kein JSON" not in batch.model_dump_json()


def check_cancel():
    batch = employee.batches.create(
        input_file_id=upload([line(f"q{number}", "Hallo") for number in range(2000)]).id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
    )
    batch = employee.batches.cancel(batch.id)
    assert batch.status in ["cancelling", "cancelled"] and batch.cancelling_at, batch
    batch = wait(batch)
    assert batch.status == "cancelled" and batch.request_counts.completed < 2000, batch
    refused(openai.BadRequestError, "invalid_request", lambda: employee.batches.cancel(batch.id))


def check_files():
    file = upload([line("a", "Hallo")], expires_after={"anchor": "created_at", "seconds": 3600})
    assert file.purpose == "batch" and file.filename == "fragen.jsonl" and file.status == "processed", file
    assert file.expires_at == file.created_at + 3600, file
    ids = [known.id for known in employee.files.list(purpose="batch", limit=1)]
    assert ids[0] == file.id and len(ids) == len(set(ids)) and len(ids) >= 4, ids
    assert employee.files.content(file.id).text == line("a", "Hallo")
    assert employee.files.delete(file.id).deleted
    refused(openai.NotFoundError, "not_found", lambda: employee.files.retrieve(file.id))
    batches = [batch.id for batch in employee.batches.list(limit=2)]
    assert len(batches) == len(set(batches)) and len(batches) >= 4, batches


def check_labels():
    batch = run([line("a", "Hallo")], extra_headers={"x-schleuse-label": "CONFIDENTIAL"})
    for raw in [
        employee.files.with_raw_response.content(batch.output_file_id),
        employee.files.with_raw_response.retrieve(batch.output_file_id),
        employee.batches.with_raw_response.retrieve(batch.id),
    ]:
        assert raw.headers["x-schleuse-label"] == "CONFIDENTIAL", raw.headers


def check_refusals():
    file = upload([line("a", "Hallo")])
    engineer, auditor = client("engineer"), client("auditor")
    refused(openai.NotFoundError, "not_found", lambda: engineer.files.content(file.id))
    refused(openai.PermissionDeniedError, "access_denied", lambda: auditor.files.list())
    refused(openai.PermissionDeniedError, "access_denied", lambda: auditor.batches.list())
    other = refused(
        openai.BadRequestError,
        "invalid_request",
        lambda: employee.files.create(file=("x.txt", b"x"), purpose="assistants"),
    )
    assert "assistants" in other.message
    moderations = refused(
        openai.BadRequestError,
        "invalid_request",
        lambda: employee.batches.create(
            input_file_id=file.id, endpoint="/v1/moderations", completion_window="24h"
        ),
    )
    assert moderations.param == "endpoint"


checks = [check_batch, check_responses, check_errors, check_cancel, check_files, check_labels, check_refusals]
for check in checks:
    check()
print(f"{len(checks)} checks passed")
