//! All integration tests, in one binary.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    clippy::duration_suboptimal_units,
    missing_docs,
    reason = "a test that is surprised stops"
)]

mod it {
    mod access;
    mod cli;
    mod directory;
    mod directory_cli;
    mod examples;
    mod hostile;
    mod lab;
    mod metrics;
    mod pipelining;
    mod postgres;
    mod process;
    mod regression;
    mod values;
    mod verdicts;
    mod webapi;
}
