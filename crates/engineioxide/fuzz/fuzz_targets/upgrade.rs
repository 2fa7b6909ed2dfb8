//! See `engineioxide::fuzzing::upgrade`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engineioxide::fuzzing::upgrade(data));
