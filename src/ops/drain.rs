//! Drain and enable: whether anything new may begin at a core.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::View;
use crate::access::{AUDIT, Client};
use crate::model::CoreId;
use crate::upstream::CoreShared;

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

/// What is done to a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing new begins there.
    Drain,
    /// It takes all again.
    Enable,
}

/// `POST /api/v1/cores/{id}/drain`.
pub(super) async fn drain_core(view: State<View>, client: Extension<Client>, id: Path<u16>) -> Answer {
    core(&view, &client, id.0, Turn::Drain)
}

/// `POST /api/v1/cores/{id}/enable`.
pub(super) async fn enable_core(view: State<View>, client: Extension<Client>, id: Path<u16>) -> Answer {
    core(&view, &client, id.0, Turn::Enable)
}

/// `POST /api/v1/sites/{site}/drain`.
pub(super) async fn drain_site(view: State<View>, client: Extension<Client>, name: Path<String>) -> Answer {
    site(&view, &client, &name, Turn::Drain)
}

/// `POST /api/v1/sites/{site}/enable`.
pub(super) async fn enable_site(view: State<View>, client: Extension<Client>, name: Path<String>) -> Answer {
    site(&view, &client, &name, Turn::Enable)
}

fn core(view: &View, client: &Client, id: u16, turn: Turn) -> Answer {
    let cores = view.cores.now();
    turn_all(view, client, cores.of(CoreId(id)).into_iter(), turn)
        .ok_or_else(|| unknown(&format!("there is no core {id}")))
}

fn site(view: &View, client: &Client, name: &str, turn: Turn) -> Answer {
    let cores = view.cores.now();
    let here = cores.iter().filter(|core| core.core.site.eq_ignore_ascii_case(name));
    turn_all(view, client, here, turn).ok_or_else(|| unknown("no core stands at this site"))
}

/// Nothing if there are no such cores.
fn turn_all<'c>(
    view: &View,
    client: &Client,
    cores: impl Iterator<Item = &'c Arc<CoreShared>>,
    turn: Turn,
) -> Option<Json<Value>> {
    let turned: Vec<_> = cores.map(|core| turn_one(view, client, core, turn)).collect();
    let scope = "this copy alone, until it ends: tell the others too";
    (!turned.is_empty()).then(|| Json(json!({ "cores": turned, "scope": scope })))
}

fn turn_one(view: &View, client: &Client, core: &CoreShared, turn: Turn) -> Value {
    let is_drained = turn == Turn::Drain;
    let changed = core.drain(is_drained);
    let (id, name) = (core.core.id.0, &core.core.name);
    if changed {
        match turn {
            Turn::Drain => {
                tracing::info!(target: AUDIT, audit = "drain", core = id, name, %client, "the core is drained: nothing new begins there");
                view.changes.note(format!("core {id} drained"), client.to_string());
            }
            Turn::Enable => {
                tracing::info!(target: AUDIT, audit = "enable", core = id, name, %client, "the core is enabled");
                view.changes.note(format!("core {id} enabled"), client.to_string());
            }
        }
    }
    json!({ "id": id, "drained": is_drained, "changed": changed })
}

fn unknown(what: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_FOUND, Json(json!({ "error": what })))
}
