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
    mod bench;
    mod cav;
    mod chaos;
    mod cli;
    mod compensation;
    mod core;
    mod corpus;
    mod day;
    mod directory;
    mod directory_cli;
    mod drain;
    mod examples;
    mod habits;
    mod hostile;
    mod lab;
    mod ledger;
    mod mail;
    mod media;
    mod metrics;
    mod metrics_page;
    mod names;
    mod overload;
    mod owed;
    mod pages;
    mod pipelining;
    mod postgres;
    mod process;
    mod python;
    mod records;
    mod records_cli;
    mod regression;
    mod reload;
    mod repeat;
    mod rtpengine;
    mod shapes;
    mod simulation;
    mod systemd;
    mod takeover;
    mod top;
    mod trail;
    mod values;
    mod verdicts;
    mod webapi;
}
