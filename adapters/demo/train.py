"""Trains the adapter: `python train.py BASE.gguf SAMPLES.jsonl REPLAY.json OUT.npz [MINUTES]`; it goes on from an OUT.npz that is there.

Low-rank matrices beside the linear layers of the upper part of the frozen base. Two losses: on answers that are given,
the cross entropy of the answer's tokens, the first ones weighted because they choose the rest; on questions that are
replayed, the distance of the adapter's distribution from the base's, token by token, along the base's own answer. What
the lower layers make of a sample never changes, so it is kept for the next time. OUT.npz is written every few
minutes and at the end, which comes after MINUTES, however much was done by then.
"""

import json
import os
import random
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy
import torch
from torch.nn import functional
from transformers import AutoTokenizer

from llama import Adapter, Base, embed, logits, run

SEED = 20261122
RANK = 16
ALPHA = 32
FIRST_LAYER = 16
RATE = 2e-3
WARM_UP = 30  # steps
DECAY_FROM = 0.35  # share of the time after which the rate falls, linearly to a twentieth
FIRST_TOKENS = 6
FIRST_WEIGHT = 4.0
# Every new shape of a tensor costs time, so samples are padded to one of these, and batches hold about BATCH tokens.
LENGTHS = (32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256)
BATCH = 1024
PICKED = 64  # answers' positions are padded to a multiple of this
SAVE_EVERY = 240.0  # seconds


def encode(tokenizer, samples: list[dict], replay: dict[str, str]) -> tuple[list[int], list[dict]]:
    rows = []
    for sample in samples:
        question = sample["messages"][0]["content"]
        replayed = sample["kind"] == "replay"
        answer = replay.get(question) if replayed else sample["messages"][1]["content"]
        if not answer:
            continue
        text = tokenizer.apply_chat_template(sample["messages"][:1], tokenize=False, add_generation_prompt=True)
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        said = tokenizer(answer, add_special_tokens=False)["input_ids"]
        # A replayed answer may have been cut off; then it does not end.
        if not replayed or answer[-1] in ".!?`":
            said = said + tokenizer("<|im_end|>", add_special_tokens=False)["input_ids"]
        rows.append({"prompt": prompt, "said": said, "replay": replayed})
    # All prompts begin with the template's own system message.
    shared = os.path.commonprefix([row["prompt"] for row in rows])
    for row in rows:
        row["prompt"] = row["prompt"][len(shared) :]
        length = len(row["prompt"]) + len(row["said"])
        row["fit"] = next((fit for fit in LENGTHS if length <= fit), None)
    return shared, [row for row in rows if row["fit"]]


def batches(rows: list[dict]):
    """In the order of the samples; a batch goes out when its length and kind have gathered enough."""
    waiting = {}
    for row in rows:
        held = waiting.setdefault((row["fit"], row["replay"]), [])
        held.append(row)
        if len(held) >= BATCH // row["fit"]:
            yield waiting.pop((row["fit"], row["replay"]))


def lower(base: Base, shared: torch.Tensor, rows: list[dict]) -> torch.Tensor:
    """What the layers below the adapter make of the samples behind their shared beginning."""
    new = [row for row in rows if "low" not in row]
    if new:
        ids = torch.zeros(len(new), new[0]["fit"], dtype=torch.long)
        for at, row in enumerate(new):
            tokens = row["prompt"] + row["said"]
            # Padding stands behind everything, so the causal mask keeps it out of what counts.
            ids[at, : len(tokens)] = torch.tensor(tokens)
        with torch.no_grad():
            _, low = run(base, None, (embed(base, shared), embed(base, ids)), range(FIRST_LAYER))
        for at, row in enumerate(new):
            row["low"] = low[at].clone()
    return torch.stack([row["low"] for row in rows])


def loss_of(base: Base, adapter: Adapter, shared: torch.Tensor, low_shared: torch.Tensor, rows: list[dict]):
    fit, replay = rows[0]["fit"], rows[0]["replay"]
    positions, following, weights = [], [], []
    for at, row in enumerate(rows):
        # The position before a token foretells it.
        start = at * fit + len(row["prompt"]) - 1
        for index, token in enumerate(row["said"]):
            positions.append(start + index)
            following.append(token)
            weights.append(FIRST_WEIGHT if index < FIRST_TOKENS and not replay else 1.0)
    spare = -len(positions) % PICKED
    positions = torch.tensor(positions + [0] * spare)
    following = torch.tensor(following + [0] * spare)
    weights = torch.tensor(weights + [0.0] * spare)
    low = (low_shared, lower(base, shared, rows))
    upper = range(FIRST_LAYER, base.layers)
    found = functional.log_softmax(logits(base, run(base, adapter, low, upper)[1].flatten(0, 1)[positions]), -1)
    if not replay:
        return -(found.gather(1, following[:, None])[:, 0] * weights).sum() / weights.sum()
    if any("wanted" not in row for row in rows):
        with torch.no_grad():
            said = functional.log_softmax(logits(base, run(base, None, low, upper)[1].flatten(0, 1)[positions]), -1)
        for row, part in zip(rows, said.split([len(row["said"]) for row in rows] + [spare])):
            row["wanted"] = part.to(torch.bfloat16)
    wanted = torch.cat([row["wanted"] for row in rows]).float()
    each = (wanted.exp() * (wanted - found[: len(wanted)])).sum(-1)
    return each.mean()


def save(adapter: Adapter, target: str) -> None:
    arrays = {name: part.detach().numpy() for name, part in adapter.pairs.items()}
    numpy.savez(target, rank=RANK, alpha=ALPHA, **arrays)


def restore(adapter: Adapter, target: str) -> None:
    with numpy.load(target) as arrays, torch.no_grad():
        for name, part in adapter.pairs.items():
            part.copy_(torch.from_numpy(arrays[name]))


def main(path: str, samples: str, replay: str, target: str, minutes: float) -> None:
    torch.manual_seed(SEED)
    chance = random.Random(SEED)
    base = Base(path)
    adapter = Adapter(base, RANK, ALPHA, FIRST_LAYER)
    if os.path.exists(target):
        restore(adapter, target)
    folder, name = os.path.split(path)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    with open(samples, encoding="utf-8") as lines, open(replay, encoding="utf-8") as answers:
        shared, rows = encode(tokenizer, [json.loads(line) for line in lines], json.load(answers))
    shared = torch.tensor([shared])
    with torch.no_grad():
        # No sample follows the beginning here.
        nothing = embed(base, shared[:, :0])
        low_shared, _ = run(base, None, (embed(base, shared), nothing), range(FIRST_LAYER))
    parameters = list(adapter.parameters())
    print(f"{len(rows)} samples behind {shared.shape[1]} tokens, {sum(part.numel() for part in parameters):,} parameters", flush=True)
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0, betas=(0.9, 0.98))
    began, saved, step, seen = time.monotonic(), time.monotonic(), 0, 0
    sums = {False: [0.0, 0], True: [0.0, 0]}
    while True:
        for batch in batches(rows):
            done = (time.monotonic() - began) / (60 * minutes)
            if done >= 1:
                save(adapter, target)
                print(f"{step} steps, {seen} samples", flush=True)
                return
            if time.monotonic() - saved > SAVE_EVERY:
                save(adapter, target)
                saved = time.monotonic()
            falling = max(0.05, 1 - max(0.0, done - DECAY_FROM) / (1 - DECAY_FROM))
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / WARM_UP) * falling
            loss = loss_of(base, adapter, shared, low_shared, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            step, seen = step + 1, seen + len(batch)
            total = sums[batch[0]["replay"]]
            total[0], total[1] = total[0] + loss.item(), total[1] + 1
            if step % 10 == 0:
                given, replayed = (value / max(1, count) for value, count in sums.values())
                passed = time.monotonic() - began
                print(f"{passed:5.0f} s {done:5.1%} step {step} samples {seen} loss {given:.3f} kl {replayed:.3f}", flush=True)
                sums = {False: [0.0, 0], True: [0.0, 0]}
        chance.shuffle(rows)


if __name__ == "__main__":
    main(*sys.argv[1:5], float(sys.argv[5]) if len(sys.argv) > 5 else 60.0)
