//! TEST: the request's own parameters, back.

use super::Answer;
use super::ask::Ask;
use crate::protocol::param::Param;
use crate::protocol::write::element;

pub fn echo(ask: &Ask<'_>) -> Answer {
    let mut body = String::new();
    for field in ask.request.fields().iter() {
        match (field.param, field.markup) {
            (Some(Param::Type | Param::RequestId), _) => {}
            (_, Some(markup)) => body.push_str(markup),
            _ => element(&mut body, field.name, field.value),
        }
    }
    Answer::elements(body)
}
