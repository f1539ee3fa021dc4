#![no_main]
schleuse_fuzz::target!(pack, packs);
