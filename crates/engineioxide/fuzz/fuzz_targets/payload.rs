//! See `engineioxide::fuzzing::payload`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engineioxide::fuzzing::payload(data));
