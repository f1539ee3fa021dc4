#![no_main]
schleuse_fuzz::target!(surrogates, text);
