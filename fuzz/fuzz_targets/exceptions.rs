#![no_main]
schleuse_fuzz::target!(exceptions, text);
