//! The machine that a core runs on, as far as SYSTEMSTATUS tells of it. What the system does not say is zero.

use std::path::Path;

use sysinfo::{CpuRefreshKind, Disks, MemoryRefreshKind, RefreshKind, System};

const MEGABYTE: u64 = 1 << 20;

/// What SYSTEMSTATUS tells of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Since it was started.
    pub uptime_seconds: u64,
    /// One for each that programs can run on.
    pub processors: Vec<Processor>,
    /// Its memory.
    pub memory: Memory,
    /// The disk that recordings are written to.
    pub disk: Disk,
}

/// One processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// Its speed.
    pub megahertz: u64,
    /// What its maker calls it.
    pub kind: String,
}

/// Memory in megabytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What programs could still have.
    pub free: u64,
}

/// A disk's room in megabytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// The folder whose disk it is.
    pub path: String,
    /// All of it.
    pub total: u64,
    /// What is free.
    pub free: u64,
}

impl Host {
    /// This machine, now, and the disk of this folder.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_frequency())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted).ok();
        let processor =
            |cpu: &sysinfo::Cpu| Processor { megahertz: cpu.frequency(), kind: cpu.brand().into() };
        Self {
            uptime_seconds: System::uptime().unwrap_or_default(),
            processors: system.iter().flat_map(System::cpus).map(processor).collect(),
            memory: Memory {
                total: system.as_ref().map_or(0, System::total_memory) / MEGABYTE,
                free: system.as_ref().map_or(0, System::available_memory) / MEGABYTE,
            },
            disk: Disk::of(path),
        }
    }
}

impl Disk {
    /// The disk of a folder: the one that is mounted nearest to it.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let folder = path.canonicalize().unwrap_or_else(|_| path.into());
        let disks = Disks::new_with_refreshed_list().ok();
        let listed = disks.iter().flat_map(|disks| disks.iter());
        let holding = listed.filter(|disk| folder.starts_with(disk.mount_point()));
        let nearest = holding.max_by_key(|disk| disk.mount_point().components().count());
        let megabytes = |room: fn(&sysinfo::Disk) -> u64| nearest.map_or(0, room) / MEGABYTE;
        Self {
            path: folder.to_string_lossy().into_owned(),
            total: megabytes(sysinfo::Disk::total_space),
            free: megabytes(sysinfo::Disk::available_space),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_processors_memory_and_a_disk() {
        let host = Host::read(&std::env::temp_dir());
        assert!(host.uptime_seconds > 0 && !host.processors.is_empty(), "{host:?}");
        assert!(host.memory.total > host.memory.free && host.memory.free > 0, "{host:?}");
        assert!(host.disk.total > 0 && host.disk.total >= host.disk.free, "{host:?}");
    }
}
