//! `corecast demo`: three cores and a proxy in one process, and a worked conversation.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::serve::until_told_to_stop;
use super::{Exit, block_on, logs, output};
use crate::app::Proxy;
use crate::client::Client;
use crate::config::Settings;
use crate::cti::{CtiCore, CtiSettings, Fault};
use crate::model::CoreId;
use crate::protocol::codes::ResultType;
use crate::protocol::result::ReplyHead;
use crate::protocol::write::{close, element, open};

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after the conversation, with status 0 only if every verdict was the expected one
    #[arg(long)]
    once: bool,
}

/// One line of the conversation.
struct Step {
    title: &'static str,
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
    core_2: None,
    kind: "",
    params: &[DEVICE],
    expected: ResultType::Ok,
    says: "sent to all of the following cores: 1,2,3",
};

const CONVERSATION: &[Step] = &[
    Step {
        title: "A call starts on device 7001, which cores 1, 2 and 3 own. All are told at once.",
        kind: "CALLSTART",
        params: &[DEVICE, ("SYS_USER", "jsmith"), ("ANI", "6145551212"), ("USER1", "Gold Level")],
        ..CALL
    },
    Step { title: "A part of it is recorded for the archive.", kind: "RECORDSTART", ..CALL },
    Step {
        title: "The caller reads out a card number: from three seconds ago on, nothing may be heard.",
        kind: "BLACKOUTSTART",
        params: &[DEVICE, ("TIMEOFFSET", "-3")],
        ..CALL
    },
    Step { title: "Paid. Recording goes on.", kind: "BLACKOUTSTOP", ..CALL },
    Step {
        title: "Core 2 hangs: it takes requests and never answers. The same blackout is not API_OK any more,\n   \
                and the answer names the core, within the deadline.",
        core_2: Some(Fault::Hang),
        kind: "BLACKOUTSTART",
        params: &[DEVICE, ("DETAIL", "Y")],
        expected: ResultType::PartialCoreResponse,
        says: "could not be sent to the following cores: 2",
    },
    Step {
        title: "Core 2 is healed. The blackout ends on every core.",
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
    Step { title: "The caller hangs up.", kind: "CALLSTOP", ..CALL },
];

/// No answer of the conversation may take longer: the deadline, and what a busy machine adds.
const LATEST: Duration = Duration::from_millis(1500);

/// What the proxy of the demo is configured with.
fn configuration(cores: &[CtiCore], listen: [SocketAddr; 3]) -> String {
    let [api, webapi, admin] = listen;
    let core = |core: &CtiCore| {
        let (id, address) = (core.id(), core.address());
        format!("[[core]]\nid = {id}\nname = \"demo-{id}\"\naddress = \"{address}\"\npipeline = 16\n")
    };
    format!(
        "[listen]\napi = \"{api}\"\nwebapi = \"{webapi}\"\nadmin = \"{admin}\"\n\
         [limits]\ndeadline = \"1s\"\nleg_timeout = \"800ms\"\n\
         [directory]\nurl = \"sqlite::memory:\"\n[[route.rule]]\ndevices = \"7000-7999\"\ncores = [1, 2, 3]\n\
         [log]\nlevel = \"warn\"\n{}",
        cores.iter().map(core).collect::<String>()
    )
}

pub(super) fn run(args: &Args) -> Exit {
    block_on(async {
        match demo(args.once).await {
            Ok(exit) => exit,
            Err(error) => {
                errln!("corecast: the demo stopped: {error}");
                Exit::Failure
            }
        }
    })
}

async fn demo(once: bool) -> io::Result<Exit> {
    let cores = start_cores().await?;
    let proxy = start_proxy(&cores, once)?;
    introduce(&cores, &proxy);
    let failed = converse(&cores, proxy.api).await?;
    if failed > 0 {
        output::line(output::styled(&format!("\n{failed} answers were not the expected ones."), "31"));
    } else {
        output::line(output::styled("\nEvery verdict was the expected one.", "32"));
    }
    if !once {
        invite(&proxy);
        until_told_to_stop().await;
    }
    proxy.drain().await;
    for core in cores {
        core.stop().await;
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Failure })
}

async fn start_cores() -> io::Result<Vec<CtiCore>> {
    let mut cores = Vec::new();
    for id in 1..=3 {
        cores.push(CtiCore::start(CtiSettings { id: CoreId(id), ..CtiSettings::default() }).await?);
    }
    Ok(cores)
}

/// On the usual ports if they are free, so that the examples of the README work; `--once` needs none of them.
fn start_proxy(cores: &[CtiCore], once: bool) -> io::Result<Proxy> {
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let usual = [local(5620), local(2012), local(9620)];
    let is_free = |address: &SocketAddr| std::net::TcpListener::bind(address).is_ok();
    let listen = if !once && usual.iter().all(is_free) { usual } else { [local(0); 3] };
    let settings =
        Settings::parse(&configuration(cores, listen), "the demo's configuration", std::iter::empty())
            .map_err(io::Error::other)?;
    logs::start(&settings.log);
    Proxy::start(settings).map_err(io::Error::other)
}

fn introduce(cores: &[CtiCore], proxy: &Proxy) {
    output::line(output::styled("Corecast demo: three cores and a proxy in this process", "1"));
    for core in cores {
        output::line(format_args!("  core {}  {}", core.id(), core.address()));
    }
    output::line(format_args!("  API     {}", proxy.api));
    output::line(format_args!("  WebAPI  http://{}/webAPI.aspx", proxy.webapi));
    output::line(format_args!("  admin   http://{}/metrics", proxy.admin));
}

fn invite(proxy: &Proxy) {
    let (api, webapi, admin) = (proxy.api, proxy.webapi, proxy.admin);
    output::line(format_args!(
        "\nServing until Ctrl-C. Try:\n  corecast call {api} CALLSTART DEVICEID=7002\n  \
         curl 'http://{webapi}/webAPI.aspx?type=devicelist&requestid=1'\n  curl http://{admin}/api/v1/cores"
    ));
}

/// Plays the conversation; how many answers were not as expected.
async fn converse(cores: &[CtiCore], api: SocketAddr) -> io::Result<usize> {
    let mut client = Client::connect(api).await?;
    let mut failed = 0;
    for (number, step) in (1..).zip(CONVERSATION) {
        if let (Some(fault), Some(core)) = (step.core_2, cores.get(1)) {
            core.set_fault(fault);
        }
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
