#![no_main]
schleuse_fuzz::target!(guardrails, guardrails);
