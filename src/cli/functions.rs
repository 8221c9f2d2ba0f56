//! `corecast functions`: the command table, for people and for programs.

use serde_json::{Value, json};

use super::{Exit, output};
use crate::command::{FUNCTIONS, Function, Identifiers, Need, function};
use crate::protocol::param::Param;

/// Arguments of `functions`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show this function with its parameters
    #[arg(value_name = "TYPE")]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    let chosen: Vec<&Function> = match &args.name {
        None => FUNCTIONS.iter().collect(),
        Some(name) => function(name).into_iter().collect(),
    };
    if chosen.is_empty() {
        errln!("corecast: {} is no function of this API", args.name.as_deref().unwrap_or(""));
        return Exit::Failure;
    }
    match (args.json, &args.name) {
        (true, _) => output::line(chosen.into_iter().map(describe).collect::<Value>()),
        (false, Some(_)) => chosen.into_iter().for_each(show),
        (false, None) => list(&chosen),
    }
    Exit::Ok
}

fn list(functions: &[&Function]) {
    let mut family = None;
    for function in functions {
        if family != Some(function.family) {
            family = Some(function.family);
            output::line(format_args!("\n{}", output::styled(function.family.title(), "1")));
        }
        output::line(format_args!("  {:26} {}", function.name, function.summary));
    }
}

fn show(function: &Function) {
    output::line(format_args!("{}: {}", output::styled(function.name, "1"), function.summary));
    match function.identifiers {
        Identifiers::None => {}
        Identifiers::AtLeastOne(params) => output::line(format_args!("  one or more of {}", names(params))),
        Identifiers::ExactlyOne(params) => output::line(format_args!("  exactly one of {}", names(params))),
    }
    if !function.actions.is_empty() {
        output::line(format_args!("  ACTION: {}", function.actions.join(", ")));
    }
    for need in function.params {
        match need {
            Need::Required(param) => output::line(format_args!("  {} (required)", param.name())),
            Need::OneOf(params) => output::line(format_args!("  one of {} (required)", names(params))),
            Need::Optional(param) => output::line(format_args!("  {}", param.name())),
        }
    }
    output::line(format_args!("  goes to {:?}, verdict by {:?}", function.scope, function.policy));
}

fn names(params: &[Param]) -> String {
    params.iter().map(|param| param.name()).collect::<Vec<_>>().join(", ")
}

fn describe(function: &Function) -> Value {
    let need = |need: &Need| match need {
        Need::Required(param) => json!({ "required": param.name() }),
        Need::OneOf(params) => json!({ "one_of": params.iter().map(|p| p.name()).collect::<Vec<_>>() }),
        Need::Optional(param) => json!({ "optional": param.name() }),
    };
    json!({
        "name": function.name,
        "family": function.family.title(),
        "summary": function.summary,
        "identifiers": function.identifiers.params().iter().map(|p| p.name()).collect::<Vec<_>>(),
        "parameters": function.params.iter().map(need).collect::<Vec<_>>(),
        "actions": function.actions,
        "scope": format!("{:?}", function.scope),
        "policy": format!("{:?}", function.policy),
        "priority": format!("{:?}", function.priority),
        "repeatable": function.repeatable,
    })
}
