"""Turns a GGUF file into a folder that vLLM serves: python unpack.py FILE.gguf FOLDER"""

import os
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

source, folder = sys.argv[1:]
place, file = os.path.split(os.path.realpath(source))
tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=file)
model = AutoModelForCausalLM.from_pretrained(place, gguf_file=file, dtype=torch.bfloat16)
# What was quantised in the file is not any more; a folder that says so would be refused.
model.hf_quantizer = None
model.is_quantized = False
if hasattr(model.config, "quantization_config"):
    del model.config.quantization_config
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
