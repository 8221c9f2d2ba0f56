//! A real PostgreSQL of a test's own, on a socket in a folder of its own: no port is taken.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

pub struct Postgres {
    folder: PathBuf,
    binaries: PathBuf,
}

/// Where Debian keeps the server, the newest version.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).collect();
    found.retain(|bin| bin.join("initdb").exists());
    found.sort();
    found.pop()
}

impl Postgres {
    /// A new, running server; nothing where none is installed, unless the services are required.
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            let required = std::env::var("CORECAST_TEST_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
            assert!(!required, "PostgreSQL is not installed, and the services are required");
            eprintln!("NOT RUN: PostgreSQL is not installed");
            return None;
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("corecast_pg_{}_{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the database");
        let postgres = Self { folder, binaries };
        if is_root() {
            postgres.run(Command::new("chown").arg("postgres").arg(&postgres.folder));
        }
        let data = postgres.data();
        postgres.run(postgres.tool("initdb").arg("-D").arg(&data).args([
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
        ]));
        postgres.up();
        Some(postgres)
    }

    /// A URL of the database that every server has.
    pub fn url(&self) -> String {
        format!("postgres:///postgres?user=postgres&host={}", self.folder.display())
    }

    /// Starts the server again.
    pub fn up(&self) {
        let options = format!("-k {} -c listen_addresses= -c fsync=off", self.folder.display());
        let log = self.folder.join("log");
        self.run(self.control().args(["-w", "-o", &options, "-l"]).arg(log).arg("start"));
    }

    /// Kills the server, as a crash would.
    pub fn kill(&self) {
        self.run(self.control().args(["-m", "immediate", "-w", "stop"]));
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn control(&self) -> Command {
        let mut control = self.tool("pg_ctl");
        control.arg("-D").arg(self.data());
        control
    }

    /// One of the server's programs, as a user that it agrees to run as.
    fn tool(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(std::env::temp_dir());
        command
    }

    fn run(&self, command: &mut Command) {
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(status.success(), "{command:?}: {status}, see {}", self.folder.join("log").display());
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Whatever state it is in; what cannot be stopped or removed lies in a temporary folder.
        let stopped = self
            .control()
            .args(["-m", "immediate", "stop"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        drop(stopped);
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    std::fs::remove_dir_all(folder).unwrap_or_default();
}
