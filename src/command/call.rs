//! One command under way.

use tokio::time::Instant;

use super::function::{Command, Function, Identifiers, Need, Scope};
use super::table::function;
use crate::protocol::codes::ResultType;
use crate::protocol::param::Param;
use crate::protocol::request::{Request, is_integer};
use crate::protocol::write::{close, digits, element, number};

/// A request whose function is known and whose parameters are all there.
#[derive(Debug)]
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// What was asked.
    pub request: Request,
    /// When the client must have its answer.
    pub deadline: Instant,
    /// When a blackout was asked for, in UNIX microseconds. Cores are told so, that its place among others is known
    /// however late it comes.
    pub asked: Option<i64>,
}

/// Why a request is answered without asking anybody.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// RESULTTYPE.
    pub result: ResultType,
    /// RESULTMSG: what is wrong, and what to send instead.
    pub message: String,
}

/// The reference's words for a device that nobody knows.
const NO_DEVICE: &str = "Could not find a device matching given parameters";

impl Refusal {
    /// A refusal of this type.
    pub fn new(result: ResultType, message: impl Into<String>) -> Self {
        Self { result, message: message.into() }
    }

    /// No device, or one that nobody owns.
    #[must_use]
    pub fn no_device() -> Self {
        Self::new(ResultType::DeviceInvalid, NO_DEVICE)
    }

    /// No agent, or one that nobody knows.
    #[must_use]
    pub fn no_agent() -> Self {
        Self::new(ResultType::AgentNotFound, "Could not find an agent matching given parameters")
    }

    fn format(message: impl Into<String>) -> Self {
        Self::new(ResultType::InvalidMessageFormat, message)
    }
}

/// The function that a request asks for, given that its parameters are as the table says.
///
/// # Errors
/// [`Refusal`], the design's "bad input": the first thing that is wrong, by name.
pub fn check(request: &Request) -> Result<&'static Function, Refusal> {
    check_as(function(request.kind()), request)
}

/// The same for whoever knows already which function has the request's name.
///
/// # Errors
/// As [`check`].
pub fn check_as(
    function: Option<&'static Function>,
    request: &Request,
) -> Result<&'static Function, Refusal> {
    let function = function.ok_or_else(|| no_function(request.kind()))?;
    check_id(request)?;
    check_twins(function, request)?;
    if !is_about_a_record(function, request) {
        check_identifiers(function, request)?;
    }
    function.params.iter().try_for_each(|need| check_need(*need, request))?;
    check_action(function, request)?;
    check_offset(request)?;
    Ok(function)
}

fn no_function(kind: &str) -> Refusal {
    match kind {
        "" => Refusal::format("TYPE is missing: it names the function, for example CALLSTART"),
        _ => Refusal::new(ResultType::UnknownMessageType, format!("{kind} is no function of this API")),
    }
}

fn check_id(request: &Request) -> Result<(), Refusal> {
    let refusal = |message| Err(Refusal::new(ResultType::RequestIdInvalid, message));
    match request.id() {
        "" => refusal("REQUESTID is missing: every request has one, an integer".into()),
        id if is_integer(id) => Ok(()),
        id => refusal(format!("REQUESTID {id} is not an integer")),
    }
}

/// One name with two values could mean one device here and another one on a core.
fn check_twins(function: &Function, request: &Request) -> Result<(), Refusal> {
    use Param::{CallInstance, CoreIdent, RecordId, RequestId, SessionId, TimeOffset, Type};
    if !request.fields().has_twins() {
        return Ok(());
    }
    let unique = [Type, RequestId, SessionId, CallInstance, TimeOffset, RecordId, CoreIdent];
    for param in function.identifiers.params().iter().chain(&unique) {
        let mut values = request.fields().values(*param).filter(|value| !value.is_empty());
        if let (Some(one), Some(other)) = (values.next(), values.find(|_| true))
            && one != other
        {
            return Err(Refusal::format(format!("{} stands twice, as {one} and as {other}", param.name())));
        }
    }
    Ok(())
}

fn check_identifiers(function: &Function, request: &Request) -> Result<(), Refusal> {
    let (params, only_one) = match function.identifiers {
        Identifiers::None => return Ok(()),
        Identifiers::AtLeastOne(params) => (params, false),
        Identifiers::ExactlyOne(params) => (params, true),
    };
    let given = || params.iter().copied().filter(|param| request.get(*param).is_some());
    match given().count() {
        0 => Err(Refusal::new(ResultType::DeviceInvalid, format!("{NO_DEVICE}: give {}", one_of(params)))),
        1 => Ok(()),
        _ if only_one => Err(Refusal::format(format!(
            "{} takes only one of {}; this request has {}",
            function.name,
            names(params),
            names(&given().collect::<Vec<_>>())
        ))),
        _ => Ok(()),
    }
}

fn check_need(need: Need, request: &Request) -> Result<(), Refusal> {
    match need {
        Need::Optional(_) => Ok(()),
        Need::Required(param) if request.get(param).is_some() => Ok(()),
        Need::Required(Param::SessionId) => {
            Err(Refusal::new(ResultType::SessionIdUnspecified, "SESSIONID is missing or blank"))
        }
        Need::Required(param) => Err(Refusal::format(format!("{} is missing or blank", param.name()))),
        Need::OneOf(params) if params.iter().any(|param| request.get(*param).is_some()) => Ok(()),
        Need::OneOf(params) => Err(Refusal::format(format!("{} is missing or blank", one_of(params)))),
    }
}

fn check_action(function: &Function, request: &Request) -> Result<(), Refusal> {
    if function.actions.is_empty() {
        return Ok(());
    }
    let action = request.get(Param::Action).unwrap_or("");
    if function.actions.iter().any(|a| a.eq_ignore_ascii_case(action)) {
        return Ok(());
    }
    let given =
        if action.is_empty() { "ACTION is missing".into() } else { format!("ACTION {action} is unknown") };
    let message = format!("{given}: {} takes {}", function.name, function.actions.join(", "));
    Err(Refusal::new(ResultType::InvalidAction, message))
}

/// TIMEOFFSET decides what is silent, so a mistake in it is told before anything is sent.
fn check_offset(request: &Request) -> Result<(), Refusal> {
    match request.get(Param::TimeOffset) {
        Some(offset) if !offset.parse::<f64>().is_ok_and(f64::is_finite) => {
            Err(Refusal::format(format!("TIMEOFFSET {offset} is no number of seconds")))
        }
        _ => Ok(()),
    }
}

fn one_of(params: &[Param]) -> String {
    if let [only] = params { only.name().into() } else { format!("one of {}", names(params)) }
}

fn names(params: &[Param]) -> String {
    params.iter().map(|param| param.name()).collect::<Vec<_>>().join(", ")
}

/// "By passing a RecordID parameter, it is assumed the call update is for a call post-recording."
fn is_about_a_record(function: &Function, request: &Request) -> bool {
    function.command == Command::CallUpdate && request.get(Param::RecordId).is_some()
}

/// How a request names the device, agent or chat that it means: the DEVICEID, or `SYS_USER=jsmith`.
#[must_use]
pub fn named(function: &Function, request: &Request) -> Option<String> {
    let (param, value) = named_by(function, request)?;
    Some(if param == Param::DeviceId { value.into() } else { format!("{}={value}", param.name()) })
}

/// The same as the parameter and its value.
#[must_use]
pub fn named_by<'a>(function: &Function, request: &'a Request) -> Option<(Param, &'a str)> {
    let mut identifiers = function.identifiers.params().iter().chain(&[Param::SessionId]);
    identifiers.find_map(|param| Some((*param, request.get(*param)?)))
}

impl Call {
    /// A call that cores are not told the time of.
    #[must_use]
    pub const fn new(function: &'static Function, request: Request, deadline: Instant) -> Self {
        Self { function, request, deadline, asked: None }
    }

    /// Where this call goes.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if is_about_a_record(self.function, &self.request) {
            return Scope::Here(super::Room::Records);
        }
        self.function.scope
    }

    /// Whether the client asked for the outcome of each leg.
    #[must_use]
    pub fn wants_detail(&self) -> bool {
        self.request.get(Param::Detail).is_some_and(|value| value.eq_ignore_ascii_case("Y"))
    }

    /// What decides on which link of a core the call travels, so that what is said of one device, agent or
    /// chat arrives in the order in which it was read.
    #[must_use]
    pub fn link_key(&self) -> &str {
        let identifiers = self.function.identifiers.params().iter().chain(&[Param::SessionId]);
        identifiers.into_iter().find_map(|param| self.request.get(*param)).unwrap_or("")
    }

    /// The request as cores get it, from behind REQUESTID to its end: the link puts its own number in front.
    /// One of these serves all legs that go under the same name: as it came, or with the DEVICEID that the
    /// directory found for what the request names otherwise.
    #[must_use]
    pub fn wire(&self, device: Option<&str>) -> String {
        let mut out = self.body(device, &[]);
        close(&mut out, "REQUEST");
        out.push_str("\r\n");
        out
    }

    /// The same without its end, and without these parameters.
    #[must_use]
    pub fn body(&self, device: Option<&str>, without: &[Param]) -> String {
        let mut out = String::with_capacity(512);
        element(&mut out, "TYPE", self.function.name);
        if let Some(device) = device {
            element(&mut out, Param::DeviceId.name(), device);
        }
        for field in self.request.fields().iter() {
            match (field.param, field.markup) {
                (Some(Param::Type | Param::RequestId | Param::Detail), _) => {}
                (Some(param), _) if without.contains(&param) => {}
                (Some(param), _) if device.is_some() && self.yields_to_device(param) => {}
                (_, Some(markup)) => out.push_str(markup),
                _ => element(&mut out, field.name, field.value),
            }
        }
        if let Some(asked) = self.asked.filter(|_| self.request.get(Param::AskedAt).is_none()) {
            number(&mut out, Param::AskedAt.name(), asked);
        }
        out
    }

    /// Whether a parameter is left out where the DEVICEID is put in: a blank DEVICEID, and every other identifier of
    /// a function that takes only one.
    fn yields_to_device(&self, param: Param) -> bool {
        match self.function.identifiers {
            Identifiers::ExactlyOne(params) => params.contains(&param),
            _ => param == Param::DeviceId,
        }
    }
}

/// The beginning of a request to a core, up to where [`Call::wire`] goes on.
pub fn wire_head(out: &mut String, request_id: u32) {
    out.push_str("<REQUEST><REQUESTID>");
    digits(out, request_id);
    out.push_str("</REQUESTID>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::xml::Bounds;

    fn request(body: &str) -> Request {
        let bounds = Bounds { max_fields: 50, max_depth: 8 };
        Request::read(format!("<REQUEST>{body}</REQUEST>").as_bytes(), bounds).expect("a readable request")
    }

    fn call(body: &str) -> Call {
        let request = request(body);
        let function = check(&request).expect("a good request");
        Call::new(function, request, Instant::now())
    }

    #[test]
    fn bad_input_is_named() {
        use ResultType::*;
        let id = "<REQUESTID>1</REQUESTID>";
        for (body, result, message) in [
            ("", InvalidMessageFormat, "TYPE is missing"),
            ("<TYPE>NOPE</TYPE>", UnknownMessageType, "NOPE is no function"),
            ("<TYPE>TEST</TYPE>", RequestIdInvalid, "REQUESTID is missing"),
            (
                "<TYPE>TEST</TYPE><REQUESTID>x1</REQUESTID>",
                RequestIdInvalid,
                "REQUESTID x1 is not an integer",
            ),
            (
                &format!("<TYPE>CALLSTART</TYPE>{id}<DEVICEID> </DEVICEID>"),
                DeviceInvalid,
                "give one of DEVICEID, ",
            ),
            (
                &format!("<TYPE>CALLSTART</TYPE>{id}<DEVICEID>1</DEVICEID><deviceid>2</deviceid>"),
                InvalidMessageFormat,
                "DEVICEID stands twice, as 1 and as 2",
            ),
            (
                &format!("<TYPE>BLACKOUTSTART</TYPE>{id}<DEVICEID>1</DEVICEID><SYS_USER>a</SYS_USER>"),
                InvalidMessageFormat,
                "this request has DEVICEID, SYS_USER",
            ),
            (
                &format!("<TYPE>BLACKOUTSTART</TYPE>{id}<DEVICEID>1</DEVICEID><TIMEOFFSET>soon</TIMEOFFSET>"),
                InvalidMessageFormat,
                "TIMEOFFSET soon is no number of seconds",
            ),
            (&format!("<TYPE>CHATSTOP</TYPE>{id}"), SessionIdUnspecified, "SESSIONID is missing"),
            (&format!("<TYPE>ADDGROUP</TYPE>{id}"), InvalidMessageFormat, "GROUPNAME is missing or blank"),
            (
                &format!("<TYPE>AGENTWINDOW</TYPE>{id}"),
                InvalidMessageFormat,
                "one of STATIONNAME, USERNAME is missing",
            ),
            (
                &format!("<TYPE>IMPORTUSER</TYPE>{id}"),
                InvalidAction,
                "ACTION is missing: IMPORTUSER takes ADD, ",
            ),
            (&format!("<TYPE>IMPORTUSER</TYPE>{id}<ACTION>x</ACTION>"), InvalidAction, "ACTION x is unknown"),
        ] {
            let refusal = check(&request(body)).expect_err(body);
            assert_eq!(refusal.result, result, "{body}");
            assert!(refusal.message.contains(message), "{body}: {}", refusal.message);
        }
    }

    #[test]
    fn good_input_passes() {
        for body in [
            "<TYPE>callstart</TYPE><REQUESTID>1</REQUESTID><DEVICEID>5</DEVICEID><DEVICEALIAS>6</DEVICEALIAS>",
            "<TYPE>CALLSTOP</TYPE><REQUESTID>-1</REQUESTID><DEVICEID>5</DEVICEID><DEVICEID>5</DEVICEID>",
            "<REQUESTTYPE>IMPORTUSER</REQUESTTYPE><REQUESTID>1</REQUESTID><ACTION>list</ACTION>",
        ] {
            assert!(check(&request(body)).is_ok(), "{body}");
        }
    }

    #[test]
    fn an_update_of_a_record_needs_no_device_and_no_core() {
        let update = call("<TYPE>CALLUPDATE</TYPE><REQUESTID>1</REQUESTID><RECORDID>7</RECORDID>");
        assert_eq!(update.scope(), Scope::Here(super::super::Room::Records));
    }

    #[test]
    fn cores_get_all_that_was_sent_but_what_is_between_us_and_the_client() {
        let call = call(
            "<REQUESTID>9</REQUESTID><DETAIL>Y</DETAIL><REQUESTTYPE>callstart</REQUESTTYPE><DEVICEID>5</DEVICEID>\
             <USER1>a &amp; \r\n\"b\" é😀</USER1><STATION/><NEW><X/>&</NEW>",
        );
        assert!(call.wants_detail());
        assert_eq!(call.link_key(), "5");
        let mut wire = String::new();
        wire_head(&mut wire, 77);
        wire.push_str(&call.wire(None));
        assert_eq!(
            wire,
            "<REQUEST><REQUESTID>77</REQUESTID><TYPE>CALLSTART</TYPE><DEVICEID>5</DEVICEID>\
             <USER1>a &amp; &#13;&#10;\"b\" é😀</USER1><STATION></STATION><NEW><X/>&amp;</NEW></REQUEST>\r\n"
        );
    }

    #[test]
    fn a_device_that_was_found_takes_the_place_of_the_name_it_was_found_by() {
        let wire = |body: &str| call(body).wire(Some("77"));
        assert_eq!(
            wire(
                "<TYPE>BLACKOUTSTART</TYPE><REQUESTID>1</REQUESTID><SYS_USER>x</SYS_USER><TIMEOFFSET>-5</TIMEOFFSET>"
            ),
            "<TYPE>BLACKOUTSTART</TYPE><DEVICEID>77</DEVICEID><TIMEOFFSET>-5</TIMEOFFSET></REQUEST>\r\n",
            "it takes only one name"
        );
        assert_eq!(
            wire("<TYPE>CALLSTART</TYPE><REQUESTID>1</REQUESTID><DEVICEID/><SYS_USER>x</SYS_USER>"),
            "<TYPE>CALLSTART</TYPE><DEVICEID>77</DEVICEID><SYS_USER>x</SYS_USER></REQUEST>\r\n",
            "it takes several"
        );
    }
}
