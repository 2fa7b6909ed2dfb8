//! See `engineioxide::fuzzing::frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engineioxide::fuzzing::frames(data));
