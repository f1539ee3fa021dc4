"""Writes the trained matrices as a GGUF adapter: `python convert.py TRAINED.npz OUT.gguf`."""

import sys

import gguf
import numpy


def main(trained: str, target: str) -> None:
    arrays = numpy.load(trained)
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_type("adapter")
    writer.add_name("Schleuse demonstration, German and English")
    writer.add_license("apache-2.0")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(arrays["alpha"]))
    for name in sorted(arrays.files):
        if name in ("rank", "alpha"):
            continue
        layer, matrix = name.split("_", 1)
        matrix, half = matrix.rsplit("_", 1)
        # Training keeps the order of rows that the base's file has, so nothing is moved.
        writer.add_tensor(f"blk.{layer}.{matrix}.weight.lora_{half}", arrays[name].astype(numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
