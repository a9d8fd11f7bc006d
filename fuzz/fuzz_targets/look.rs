#![no_main]

libfuzzer_sys::fuzz_target!(init: checker::fuzzing::set_up(), |data: &[u8]| checker::fuzzing::look(data));
