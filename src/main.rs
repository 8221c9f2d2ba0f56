//! The `corecast` program; everything is in the library.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request allocates some twenty times, and the system's allocator takes a tenth of all that it costs.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    corecast::cli::main()
}
