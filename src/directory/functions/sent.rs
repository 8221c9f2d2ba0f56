//! "Parameters Sent".

use crate::protocol::param::Param;
use crate::protocol::request::Request;
use crate::protocol::write::element;

/// The values of these parameters, in this order: "all data including the GROUPID and AGENTID if you did not pass
/// them to the function". What was looked up counts more than what was sent, and a password is never written.
pub(super) fn parameters(request: &Request, params: &[Param], found: &[(Param, i64)]) -> String {
    let mut out = String::new();
    for param in params.iter().filter(|param| !param.is_secret()) {
        let looked_up = found.iter().find(|(of, _)| of == param).map(|(_, id)| id.to_string());
        if let Some(value) = looked_up.as_deref().or_else(|| request.get(*param)) {
            element(&mut out, param.name(), value);
        }
    }
    out
}
