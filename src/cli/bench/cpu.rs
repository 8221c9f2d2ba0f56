//! What processes have spent so far.

use std::time::Duration;

/// The kernel tells times in hundredths of a second, whatever its own clock does.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of these processes together, as far as they are there.
pub(super) fn spent(processes: &[u32]) -> Duration {
    processes.iter().filter_map(|process| of(*process)).sum()
}

fn of(process: u32) -> Option<Duration> {
    read(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// The 14th and 15th field. The second is the name, in parentheses, and may hold anything.
fn read(stat: &str) -> Option<Duration> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut times = behind_name.split_ascii_whitespace().skip(11).map(str::parse::<u32>);
    Some(TICK * times.next()?.ok()?.checked_add(times.next()?.ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added() {
        let stat = "1234 (a ) b) S 1 1234 1234 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 4 0 100 1000 10";
        assert_eq!(read(stat), Some(Duration::from_millis(1750)));
        assert_eq!(read("1 (x) S 1"), None);
    }
}
