//! Python with the packages that tests compare us with: where `./check` puts it, or where
//! `CORECAST_TEST_PYTHON` says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter; nothing where it lacks the package, unless the services are required.
pub fn python(package: &str) -> Option<PathBuf> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python3");
    let python = std::env::var_os("CORECAST_TEST_PYTHON").map_or(usual, PathBuf::from);
    let import = Command::new(&python).args(["-c", &format!("import {package}")]).output();
    if import.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(!required, "{} has no {package}, and the services are required", python.display());
    eprintln!("NOT RUN: {} has no {package}", python.display());
    None
}
