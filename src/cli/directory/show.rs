//! `corecast directory show`: what the directory knows of a device, by whatever name, and which cores own it.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::place::Place;
use super::trouble::Trouble;
use super::{Configured, load};
use crate::cli::{Exit, output};
use crate::command::{Call, check};
use crate::config::Settings;
use crate::directory::snapshot::{Agent, Device, Key, Match, Snapshot, Target};
use crate::model::CoreId;
use crate::protocol::request::Request;
use crate::protocol::write::{close, element, open};
use crate::protocol::xml::Bounds;
use crate::route::{Destination, Router, list};

/// Arguments of `directory show`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// DEVICEID, DEVICEALIAS, STATIONNAME, SYS_USER, CRM_USER, AGENTID, USERNAME or EMPLOYEEID
    #[arg(value_name = "DEVICE")]
    name: String,
    #[command(flatten)]
    pub configured: Configured,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What each key is called where people give it.
const KEYS: [(Key, &str); 8] = [
    (Key::DeviceId, "DEVICEID"),
    (Key::DeviceAlias, "DEVICEALIAS"),
    (Key::StationName, "STATIONNAME"),
    (Key::SysUser, "SYS_USER"),
    (Key::CrmUser, "CRM_USER"),
    (Key::AgentId, "AGENTID"),
    (Key::UserName, "USERNAME"),
    (Key::EmployeeId, "EMPLOYEEID"),
];

/// Where the commands of a device go, and why.
struct Route {
    cores: Vec<CoreId>,
    steps: Vec<String>,
}

/// Shows a device.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Trouble> {
    let snapshot = load::snapshot(settings).await?;
    let matches: Vec<_> =
        KEYS.into_iter().map(|(key, name)| (name, snapshot.resolve(key, &args.name))).collect();
    let matches: Vec<_> = matches.into_iter().filter(|(_, found)| *found != Match::None).collect();
    let shown = Shown { name: &args.name, matches: &matches, settings, snapshot: &snapshot };
    if args.json {
        output::line(shown.for_programs()?);
    } else {
        shown.for_people()?;
    }
    Ok(if shown.devices().is_empty() { Exit::Failure } else { Exit::Ok })
}

struct Shown<'a> {
    name: &'a str,
    /// The keys that found something.
    matches: &'a [(&'static str, Match<Target<'a>>)],
    settings: &'a Settings,
    snapshot: &'a Snapshot,
}

impl<'a> Shown<'a> {
    /// All devices that the name means, each once.
    fn devices(&self) -> Vec<Device<'a>> {
        let mut devices: Vec<Device<'a>> = Vec::new();
        let found = self.matches.iter().filter_map(|(_, found)| found.one());
        for device in found.flat_map(Target::devices) {
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
        devices
    }

    fn for_people(&self) -> Result<(), Trouble> {
        let (name, devices) = (self.name, self.devices());
        for (key, found) in self.matches {
            output::line(format_args!("{key} {name} is {}", found_words(*found)));
        }
        devices.iter().try_for_each(|device| self.tell(*device))?;
        if self.matches.is_empty() {
            let place = Place::of(&self.settings.directory.url);
            let empty = if place.is_missing() { ", which does not exist yet" } else { "" };
            errln!("corecast: nobody and nothing is called {name} in the directory at {place}{empty}");
            output::line(format_args!("As a DEVICEID that only rules may know, {name} goes so:"));
            tell_route(&self.route(name)?);
        } else if devices.is_empty() {
            errln!("corecast: {name} names no one device: a command that gives nothing else is refused");
        }
        Ok(())
    }

    fn tell(&self, device: Device<'_>) -> Result<(), Trouble> {
        output::line(format_args!("\n{}", output::styled(&format!("device {}", device.id()), "1")));
        let field = |name: &str, value: Option<&str>| {
            output::line(format_args!("  {name:12}{}", value.unwrap_or("(none)")));
        };
        field("DEVICEALIAS", device.alias());
        field("STATION", device.station());
        field("SITE", device.site());
        field("AGENT", device.agent().map(agent_words).as_deref());
        if let Some(agent) = device.agent() {
            field("PHONES", Some(&agent.phones().collect::<Vec<_>>().join(",")));
        }
        tell_route(&self.route(device.id())?);
        Ok(())
    }

    fn for_programs(&self) -> Result<Value, Trouble> {
        let matches = self.matches.iter().map(|(key, found)| match found {
            Match::One(Target::Device(device)) => json!({ "key": key, "device": device.id() }),
            Match::One(Target::Agent(agent)) => json!({ "key": key, "agent": agent.id() }),
            _ => json!({ "key": key, "ambiguous": true }),
        });
        let devices = self.devices().into_iter().map(|device| self.describe(device));
        let devices = devices.collect::<Result<Vec<_>, Trouble>>()?;
        Ok(json!({ "name": self.name, "matches": matches.collect::<Vec<_>>(), "devices": devices }))
    }

    fn describe(&self, device: Device<'_>) -> Result<Value, Trouble> {
        let route = self.route(device.id())?;
        Ok(json!({
            "id": device.id(),
            "alias": device.alias(),
            "station": device.station(),
            "site": device.site(),
            "agent": device.agent().map(describe_agent),
            "cores": route.cores,
            "because": route.steps,
        }))
    }

    /// Where a CALLSTART of this device goes.
    fn route(&self, id: &str) -> Result<Route, Trouble> {
        let settings = self.settings;
        let call =
            call(id, settings).map_err(|why| Trouble::failure(format!("no command can name {id}: {why}")))?;
        let router = Router::new(&settings.cores, &settings.rules, settings.unknown_device);
        let cores = match router.plan(&call, self.snapshot) {
            Ok(Destination::Cores(plan)) => plan.cores(),
            _ => Vec::new(),
        };
        Ok(Route { cores, steps: router.explain(&call, self.snapshot) })
    }
}

fn tell_route(route: &Route) {
    let cores = if route.cores.is_empty() { "(none)".into() } else { list(&route.cores) };
    output::line(format_args!("  {:12}{}", "CORES", output::styled(&cores, "32")));
    // The first step names the function, the last one the cores, which are told already.
    let steps = route.steps.get(1..).unwrap_or_default();
    steps.iter().for_each(|step| output::line(format_args!("    {step}")));
}

fn call(id: &str, settings: &Settings) -> Result<Call, String> {
    let mut xml = String::new();
    open(&mut xml, "REQUEST");
    [("TYPE", "CALLSTART"), ("REQUESTID", "1"), ("DEVICEID", id)]
        .into_iter()
        .for_each(|(name, value)| element(&mut xml, name, value));
    close(&mut xml, "REQUEST");
    let bounds = Bounds { max_fields: settings.limits.max_fields, max_depth: settings.limits.max_depth };
    let request = Request::read(xml.as_bytes(), bounds).map_err(|bad| bad.reason)?;
    let function = check(&request).map_err(|refusal| refusal.message)?;
    Ok(Call::new(function, request, Instant::now()))
}

fn found_words(found: Match<Target<'_>>) -> String {
    match found {
        Match::One(Target::Device(device)) => format!("device {}", device.id()),
        Match::One(Target::Agent(agent)) => {
            let phones: Vec<_> = agent.phones().collect();
            let phones =
                if phones.is_empty() { "no phones".into() } else { format!("phones {}", phones.join(",")) };
            format!("agent {} with {phones}", agent_words(agent))
        }
        _ => "ambiguous: several have it, so it names none of them".into(),
    }
}

fn agent_words(agent: Agent<'_>) -> String {
    let names = [agent.username(), agent.first_name(), agent.last_name()];
    let names = names.into_iter().flatten().map(|name| format!(" {name}")).collect::<String>();
    let logins =
        [("SYS_USER", agent.sys_user()), ("CRM_USER", agent.crm_user()), ("EMPLOYEEID", agent.employee_id())];
    let logins: Vec<_> =
        logins.into_iter().filter_map(|(key, name)| Some(format!("{key} {}", name?))).collect();
    let logins = if logins.is_empty() { String::new() } else { format!(" ({})", logins.join(", ")) };
    let status = if agent.is_active() { "" } else { ", inactive" };
    format!("{}{names}{logins}{status}", agent.id())
}

fn describe_agent(agent: Agent<'_>) -> Value {
    json!({
        "id": agent.id(),
        "username": agent.username(),
        "employee_id": agent.employee_id(),
        "first_name": agent.first_name(),
        "last_name": agent.last_name(),
        "sys_user": agent.sys_user(),
        "crm_user": agent.crm_user(),
        "site": agent.site(),
        "is_active": agent.is_active(),
        "phones": agent.phones().collect::<Vec<_>>(),
    })
}
