//! SYSTEMSTATUS.

use super::Answer;
use super::ask::Ask;
use super::sections::section;
use crate::cti::host::{Disk, Host, Memory, Processor};
use crate::protocol::write::{element, number};

pub fn status(ask: &Ask<'_>) -> Answer {
    Answer::elements(body(&Host::read(ask.booth.path())))
}

fn body(host: &Host) -> String {
    let mut out = String::new();
    disk(&mut out, &host.disk);
    element(&mut out, "SYSTEMUPTIME", &uptime(host.uptime_seconds));
    for (at, processor) in host.processors.iter().enumerate() {
        section(&mut out, &format!("PROCESSOR{at}"), |out| one_processor(out, processor));
    }
    memory(&mut out, host.memory);
    out
}

fn disk(out: &mut String, disk: &Disk) {
    let [total, free] = [disk.total, disk.free];
    element(out, "RECORDINGPATH", &disk.path);
    let info = format!("{}GB of {}GB", hundredths(free, 1024), hundredths(total, 1024));
    element(out, "RECORDINGSPACEINFO", &info);
    number(out, "RECORDINGTOTALDISKCAPACITY", i64::try_from(total).unwrap_or(i64::MAX));
    number(out, "RECORDINGTOTALDISKFREE", i64::try_from(free).unwrap_or(i64::MAX));
    element(out, "RECORDINGTOTALDISKFREEPCT", &hundredths(free.saturating_mul(100), total));
}

/// A quotient with two decimals.
fn hundredths(dividend: u64, divisor: u64) -> String {
    let hundred = u128::from(dividend) * 100 + u128::from(divisor / 2);
    let rounded = hundred.checked_div(divisor.into()).unwrap_or(0);
    format!("{}.{:02}", rounded / 100, rounded % 100)
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
            disk: Disk { path: r"C:\Recordings\".into(), total: 476_819, free: 229_032 },
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
