//! SYSTEMSTATUS.

use super::Answer;
use super::sections::section;
use crate::cti::host::{Host, Memory, Processor};
use crate::protocol::result::number;
use crate::protocol::write::element;

/// Where the simulated recordings would lie.
const PATH: &str = r"C:\Recordings\";
/// There are no recordings, so the disk is made up: capacity and free space in megabytes.
const DISK: (u32, u32) = (476_819, 229_032);

pub fn status() -> Answer {
    Answer::elements(body(&Host::read()))
}

fn body(host: &Host) -> String {
    let mut out = String::new();
    disk(&mut out, DISK.0, DISK.1);
    element(&mut out, "SYSTEMUPTIME", &uptime(host.uptime_seconds));
    for (at, processor) in host.processors.iter().enumerate() {
        section(&mut out, &format!("PROCESSOR{at}"), |out| one_processor(out, processor));
    }
    memory(&mut out, host.memory);
    out
}

fn disk(out: &mut String, capacity: u32, free: u32) {
    let gigabytes = |megabytes| f64::from(megabytes) / 1024.0;
    element(out, "RECORDINGPATH", PATH);
    let info = format!("{:.2}GB of {:.2}GB", gigabytes(free), gigabytes(capacity));
    element(out, "RECORDINGSPACEINFO", &info);
    number(out, "RECORDINGTOTALDISKCAPACITY", i64::from(capacity));
    number(out, "RECORDINGTOTALDISKFREE", i64::from(free));
    let percent = f64::from(free) * 100.0 / f64::from(capacity);
    element(out, "RECORDINGTOTALDISKFREEPCT", &format!("{percent:.2}"));
}

fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    format!("{days} days, {hours} hours, {minutes} minutes, {} seconds.", seconds % 60)
}

fn one_processor(out: &mut String, processor: &Processor) {
    element(out, "SYSTEMPROCESSORSPEED", &format!("{}MHz", processor.megahertz));
    element(out, "SYSTEMPROCESSORTYPE", &processor.kind);
}

fn memory(out: &mut String, memory: Memory) {
    let used = memory.total.saturating_sub(memory.free);
    let percent = (used * 100).checked_div(memory.total).unwrap_or(0);
    for (name, value) in [
        ("SYSTEMRAMTOTAL", memory.total),
        ("SYSTEMRAMFREE", memory.free),
        ("SYSTEMRAMUSED", used),
        ("SYSTEMRAMUSEDPCT", percent),
    ] {
        number(out, name, i64::try_from(value).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_own_example_comes_out() {
        let kind = "x86 Family 6 Model 15 Stepping 11";
        let host = Host {
            uptime_seconds: 18 * 3600 + 24 * 60 + 37,
            processors: vec![Processor { megahertz: 2394, kind: kind.into() }],
            memory: Memory { total: 3325, free: 1702 },
        };
        let expected = format!(
            r"<RECORDINGPATH>C:\Recordings\</RECORDINGPATH><RECORDINGSPACEINFO>223.66GB of 465.64GB</RECORDINGSPACEINFO>{}",
            "<RECORDINGTOTALDISKCAPACITY>476819</RECORDINGTOTALDISKCAPACITY>\
             <RECORDINGTOTALDISKFREE>229032</RECORDINGTOTALDISKFREE>\
             <RECORDINGTOTALDISKFREEPCT>48.03</RECORDINGTOTALDISKFREEPCT>\
             <SYSTEMUPTIME>0 days, 18 hours, 24 minutes, 37 seconds.</SYSTEMUPTIME>\
             <PROCESSOR0><SYSTEMPROCESSORSPEED>2394MHz</SYSTEMPROCESSORSPEED>\
             <SYSTEMPROCESSORTYPE>x86 Family 6 Model 15 Stepping 11</SYSTEMPROCESSORTYPE></PROCESSOR0>\
             <SYSTEMRAMTOTAL>3325</SYSTEMRAMTOTAL><SYSTEMRAMFREE>1702</SYSTEMRAMFREE>\
             <SYSTEMRAMUSED>1623</SYSTEMRAMUSED><SYSTEMRAMUSEDPCT>48</SYSTEMRAMUSEDPCT>"
        );
        assert_eq!(body(&host), expected);
    }
}
