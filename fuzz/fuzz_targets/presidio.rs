#![no_main]
schleuse_fuzz::target!(presidio, imports);
