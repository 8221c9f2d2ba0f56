//! The machine that a simulated core runs on, as far as SYSTEMSTATUS tells of it. Where the system has no
//! `/proc`, the figures are zero.

/// What SYSTEMSTATUS tells of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Since it was started.
    pub uptime_seconds: u64,
    /// One for each that programs can run on.
    pub processors: Vec<Processor>,
    /// Its memory.
    pub memory: Memory,
}

/// One processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// Its speed.
    pub megahertz: u64,
    /// `x86 Family 6 Model 15 Stepping 11`.
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

impl Host {
    /// This machine, now.
    #[must_use]
    pub fn read() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            uptime_seconds: uptime(&read("/proc/uptime")),
            processors: processors(&read("/proc/cpuinfo")),
            memory: memory(&read("/proc/meminfo")),
        }
    }
}

fn uptime(text: &str) -> u64 {
    whole(text.split_whitespace().next().unwrap_or(""))
}

/// The whole part of a number with a decimal point; zero for what is none.
fn whole(text: &str) -> u64 {
    text.split('.').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn processors(text: &str) -> Vec<Processor> {
    let blocks = text.split("\n\n").filter(|block| value(block, "processor").is_some());
    blocks.map(processor).collect()
}

fn processor(block: &str) -> Processor {
    let part = |name| value(block, name).unwrap_or("0");
    let kind =
        format!("x86 Family {} Model {} Stepping {}", part("cpu family"), part("model"), part("stepping"));
    let kind = if value(block, "cpu family").is_some() {
        kind
    } else {
        format!("ARM architecture {}", part("CPU architecture"))
    };
    Processor { megahertz: whole(part("cpu MHz")), kind }
}

fn memory(text: &str) -> Memory {
    let kilobytes = |name| value(text, name).and_then(|v| v.split_whitespace().next()).map_or(0, whole);
    Memory { total: kilobytes("MemTotal") / 1024, free: kilobytes("MemAvailable") / 1024 }
}

/// The value in a line `name : value`.
fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_writes_is_read() {
        assert_eq!(uptime("66277.91 524.10\n"), 66277);
        let memory = memory("MemTotal:        3405000 kB\nMemFree: 1 kB\nMemAvailable:    1743000 kB\n");
        assert_eq!(memory, Memory { total: 3325, free: 1702 });
        let one = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 15\nmodel name\t: X\nstepping\t: 11\ncpu MHz\t\t: 2394.5\n";
        let processor = Processor { megahertz: 2394, kind: "x86 Family 6 Model 15 Stepping 11".into() };
        assert_eq!(processors(&format!("{one}\n{one}\n")), [processor.clone(), processor]);
    }

    #[test]
    fn what_it_does_not_write_is_zero() {
        assert_eq!((uptime(""), memory(""), processors("")), (0, Memory::default(), vec![]));
        let arm = processors("processor\t: 0\nBogoMIPS : 50.00\nCPU architecture: 8\n");
        assert_eq!(arm, [Processor { megahertz: 0, kind: "ARM architecture 8".into() }]);
    }
}
