#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| corecast_fuzz::url::check(bytes));
