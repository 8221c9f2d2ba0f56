//! What is said in the demo, and how its answers are judged.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::cli::output;
use crate::client::Client;
use crate::cti::{CtiCore, Fault};
use crate::protocol::codes::ResultType;
use crate::protocol::result::ReplyHead;
use crate::protocol::write::{close, element, open};

/// One line of the conversation.
struct Step {
    title: &'static str,
    /// How long it is talked before it.
    talk: Duration,
    /// How long it is talked after what happens to core 2.
    heals: Duration,
    /// What happens to core 2 before it.
    core_2: Option<Fault>,
    kind: &'static str,
    params: &'static [(&'static str, &'static str)],
    expected: ResultType,
    /// What the answer must say.
    says: &'static str,
}

const DEVICE: (&str, &str) = ("DEVICEID", "7001");
const CALL: Step = Step {
    title: "",
    talk: Duration::ZERO,
    heals: Duration::ZERO,
    core_2: None,
    kind: "",
    params: &[DEVICE],
    expected: ResultType::Ok,
    says: "sent to all of the following cores: 1,2,3",
};

/// A moment in which people talk.
const SHORT: Duration = Duration::from_secs(1);

/// In this time a core that is back has what it is owed: a try that is under way may have to time out first.
const DELIVERY: Duration = Duration::from_secs(3);

const CONVERSATION: &[Step] = &[
    Step {
        title: "A call starts on device 7001, which cores 1, 2 and 3 own. All are told at once.",
        kind: "CALLSTART",
        params: &[DEVICE, ("SYS_USER", "jsmith"), ("ANI", "6145551212"), ("USER1", "Gold Level")],
        ..CALL
    },
    Step {
        title: "The caller reads out a card number: from half a second ago on, nothing may be heard.",
        talk: SHORT,
        kind: "BLACKOUTSTART",
        params: &[DEVICE, ("TIMEOFFSET", "-0.5")],
        ..CALL
    },
    Step { title: "Paid. Recording goes on.", talk: SHORT, kind: "BLACKOUTSTOP", ..CALL },
    Step {
        title: "Core 2 hangs: it takes requests and never answers. The same blackout is not API_OK any more,\n   \
                and the answer names the core, within the deadline.",
        talk: SHORT,
        core_2: Some(Fault::Hang),
        kind: "BLACKOUTSTART",
        params: &[DEVICE, ("DETAIL", "Y")],
        expected: ResultType::PartialCoreResponse,
        says: "could not be sent to the following cores: 2",
        heals: Duration::ZERO,
    },
    Step {
        title: "Core 2 is healed, and gets late what it is owed: a blackout that begins when it was asked for.\n   \
                Then the blackout ends on every core.",
        heals: DELIVERY,
        core_2: Some(Fault::None),
        kind: "BLACKOUTSTOP",
        ..CALL
    },
    Step {
        title: "What do the cores say of the device? One answer, merged from all three.",
        kind: "DEVICERECORDINGSTATUS",
        expected: ResultType::Ok,
        says: "<COREIDENT>3</COREIDENT>",
        ..CALL
    },
    Step {
        title: "And of themselves?",
        kind: "SYSTEMSTATUS",
        params: &[],
        expected: ResultType::Ok,
        says: "<CORES>",
        ..CALL
    },
    Step { title: "The caller hangs up.", talk: SHORT, kind: "CALLSTOP", ..CALL },
    Step {
        title: "What was recorded? Each owner has its own recording.",
        kind: "CALLLIST",
        says: "<CALLNUMBER>3</CALLNUMBER>",
        ..CALL
    },
];

/// No answer of the conversation may take longer: the deadline, and what a busy machine adds.
const LATEST: Duration = Duration::from_secs(4);

/// Plays the conversation; how many answers were not as expected.
pub(super) async fn converse(cores: &[CtiCore], api: SocketAddr) -> io::Result<usize> {
    let mut client = Client::connect(api).await?;
    let mut failed = 0;
    for (number, step) in (1..).zip(CONVERSATION) {
        sleep(step.talk).await;
        if let (Some(fault), Some(core)) = (step.core_2, cores.get(1)) {
            core.set_fault(fault);
        }
        sleep(step.heals).await;
        output::line(format_args!("\n{number}. {}", output::styled(step.title, "1")));
        let request = step.request(number);
        output::line(format_args!("   {} {}", output::styled("→", "36"), step.shown(&request)));
        let asked = Instant::now();
        let answer = client.ask(format!("{request}\r\n").as_bytes()).await?;
        failed += usize::from(!step.judge(&String::from_utf8_lossy(&answer), asked.elapsed()));
    }
    Ok(failed)
}

impl Step {
    fn request(&self, number: usize) -> String {
        let mut out = String::new();
        open(&mut out, "REQUEST");
        element(&mut out, "TYPE", self.kind);
        element(&mut out, "REQUESTID", &number.to_string());
        self.params.iter().for_each(|(name, value)| element(&mut out, name, value));
        close(&mut out, "REQUEST");
        out
    }

    /// The first request as it goes over the wire, the others as a person reads them.
    fn shown(&self, request: &str) -> String {
        if self.kind == CONVERSATION[0].kind {
            return request.to_owned();
        }
        let params = self.params.iter().map(|(name, value)| format!(" {name}={value}"));
        std::iter::once(self.kind.to_owned()).chain(params).collect()
    }

    /// Prints an answer; whether it is the expected one.
    fn judge(&self, answer: &str, took: Duration) -> bool {
        let head = ReplyHead::read(answer.as_bytes());
        let (label, message) = head.as_ref().map_or(("no RESULT", ""), |head| (&head.label, &head.message));
        let is_right = label == self.expected.label() && answer.contains(self.says) && took < LATEST;
        let mark = if is_right { output::styled("✓", "32") } else { output::styled("✗", "31") };
        let milliseconds = took.as_secs_f64() * 1000.0;
        output::line(format_args!("   {} {label}: {message}", output::styled("←", "36")));
        tell_cores(answer);
        output::line(format_args!("   {mark} after {milliseconds:.1} ms"));
        is_right
    }
}

/// What an answer says of each core: its outcome, or its data in short.
fn tell_cores(answer: &str) {
    let sections = answer.split("<COREIDENT>").skip(1);
    for section in sections {
        let value = |name: &str| {
            let after = section.split_once(&format!("<{name}>")).map(|(_, after)| after)?;
            after.split('<').next().filter(|value| !value.is_empty())
        };
        let core = section.split('<').next().unwrap_or("");
        let shown = [
            "OUTCOME",
            "REASON",
            "MILLISECONDS",
            "STARTTIME",
            "STATUS",
            "RECORDINGSPACEINFO",
            "SYSTEMUPTIME",
        ]
        .into_iter()
        .filter_map(|name| Some(format!("{name} {}", value(name)?)))
        .collect::<Vec<_>>()
        .join(", ");
        output::line(format_args!("     core {core}: {shown}"));
    }
}
