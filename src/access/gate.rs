//! The rules as they are in force: at the doors, and for each request.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use metrics::Counter;
use tokio::time::Instant;

use super::network::Networks;
use super::rate::{Bucket, Rates, wait};
use super::rules::{Functions, Rule, allowed};
use super::{AUDIT, Settings};
use crate::command::{FUNCTIONS, Function, Refusal, Urgency};
use crate::metrics::{ACCESS_DENIED, Metrics, SHED};
use crate::protocol::codes::ResultType;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address, if the system knows it.
    pub address: Option<IpAddr>,
    /// The names in the certificate that it showed and that was found good.
    pub certificate: Option<Vec<String>>,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => address.fmt(f)?,
            None => f.write_str("an unknown address")?,
        }
        match self.certificate.as_ref().and_then(|names| names.first()) {
            // What stands in a certificate is its maker's affair: no line break of it gets into our log.
            Some(name) => write!(f, " (certificate {})", name.escape_debug()),
            None => Ok(()),
        }
    }
}

/// Who may connect to one listener.
pub struct Doorkeeper {
    listener: &'static str,
    allowed: ArcSwap<Networks>,
    shed: Counter,
}

impl Doorkeeper {
    /// Whether a client may connect. If not, that is counted and in the audit log.
    #[must_use]
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let is_allowed = self.allowed.load().contain(address);
        if !is_allowed {
            self.shed.increment(1);
            let client = Client { address, certificate: None };
            tracing::warn!(target: AUDIT, audit = "connection", listener = self.listener, %client, "connection refused: access.{} does not name this address", self.listener);
        }
        is_allowed
    }
}

/// The rules in force. They may be exchanged meanwhile; a connection keeps those that it began with.
pub struct Gate {
    /// At the API socket.
    pub api: Doorkeeper,
    /// At the WebAPI.
    pub webapi: Doorkeeper,
    /// At the admin address.
    pub admin: Doorkeeper,
    in_force: ArcSwap<InForce>,
    shed: Counter,
    denied: Vec<Counter>,
}

/// What holds for connections from now on.
#[derive(Debug)]
struct InForce {
    rules: Vec<Rule>,
    is_open: bool,
    rates: Option<Arc<Rates>>,
}

impl InForce {
    /// These settings; if the rate is the same, so is what each address has left of it.
    fn of(settings: &Settings, before: Option<&Self>) -> Self {
        let before = before.and_then(|before| before.rates.clone());
        let rates = settings.rate.map(|limit| match before {
            Some(rates) if rates.limit() == limit => rates,
            _ => Arc::new(Rates::new(limit)),
        });
        Self { rules: settings.rules.clone(), is_open: settings.is_open, rates }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("in_force", &self.in_force).finish_non_exhaustive()
    }
}

impl Gate {
    /// Puts rules into force; their series in the metrics are there from now on.
    #[must_use]
    pub fn new(settings: &Settings, metrics: &Metrics) -> Arc<Self> {
        let keeper = |listener, allowed: &Networks| Doorkeeper {
            listener,
            allowed: ArcSwap::from_pointee(allowed.clone()),
            shed: metrics.counter(&SHED, &["address"]),
        };
        Arc::new(Self {
            api: keeper("api", &settings.api),
            webapi: keeper("webapi", &settings.webapi),
            admin: keeper("admin", &settings.admin),
            in_force: ArcSwap::from_pointee(InForce::of(settings, None)),
            shed: metrics.counter(&SHED, &["rate"]),
            denied: FUNCTIONS.iter().map(|f| metrics.counter(&ACCESS_DENIED, &[f.name])).collect(),
        })
    }

    /// Puts other rules into force.
    pub fn exchange(&self, settings: &Settings) {
        for (keeper, allowed) in
            [(&self.api, &settings.api), (&self.webapi, &settings.webapi), (&self.admin, &settings.admin)]
        {
            keeper.allowed.store(Arc::new(allowed.clone()));
        }
        let before = self.in_force.load_full();
        self.in_force.store(Arc::new(InForce::of(settings, Some(&before))));
    }

    /// What a client may do, for one connection from its beginning to its end.
    #[must_use]
    pub fn pass(self: &Arc<Self>, client: Client) -> Rc<Pass> {
        let InForce { rules, is_open, rates } = &**self.in_force.load();
        let allowed = allowed(rules, *is_open, &client);
        let bucket = rates.as_ref().map(|rates| rates.bucket(client.address));
        let is_free = allowed == Functions::ALL && bucket.is_none();
        Rc::new(Pass { is_free, allowed, bucket, client, gate: self.clone() })
    }
}

/// What one connection's client may do.
#[derive(Debug)]
pub struct Pass {
    /// It may do everything, as often as it likes.
    is_free: bool,
    allowed: Functions,
    bucket: Option<Arc<Bucket>>,
    client: Client,
    gate: Arc<Gate>,
}

impl Pass {
    /// Whether a request may go on; `None` stands for one whose function is not known.
    ///
    /// # Errors
    /// `API_ERROR_PROCESSING_MESSAGE` if the client asks too often, `API_INVALID_REQUEST_TYPE` if the function is
    /// not for it; both are counted, and the latter is in the audit log.
    #[inline]
    pub fn check(&self, function: Option<&Function>, now: Instant) -> Result<(), Refusal> {
        if self.is_free {
            return Ok(());
        }
        self.check_rate(function, now)?;
        function.map_or(Ok(()), |function| self.check_function(function))
    }

    /// Blackouts and stops are never refused for being many: each of them keeps something from being recorded.
    fn check_rate(&self, function: Option<&Function>, now: Instant) -> Result<(), Refusal> {
        let is_urgent = function.is_some_and(|f| f.priority == Urgency::Urgent);
        let Some(bucket) = &self.bucket else { return Ok(()) };
        if bucket.take(now) || is_urgent {
            return Ok(());
        }
        self.gate.shed.increment(1);
        let (limit, wait) = (bucket.limit(), wait(bucket.limit()));
        let message = format!(
            "overloaded: {} sends more than {} requests a second; try again in {} ms",
            self.client,
            limit.per_second,
            wait.as_millis()
        );
        Err(Refusal::new(ResultType::ProcessingMessage, message))
    }

    fn check_function(&self, function: &Function) -> Result<(), Refusal> {
        if self.allowed.contain(function) {
            return Ok(());
        }
        let (name, client) = (function.name, &self.client);
        self.gate.denied.get(function.command as usize).iter().for_each(|counter| counter.increment(1));
        tracing::warn!(target: AUDIT, audit = "function", function = name, %client, "function refused by [access]");
        Err(Refusal::new(ResultType::InvalidRequestType, format!("{name} is not allowed for {client}")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::RateLimit;
    use crate::command::function;

    fn pass(settings: &Settings, metrics: &Metrics) -> Rc<Pass> {
        let client = Client {
            address: "10.0.0.1".parse().ok(),
            certificate: Some(vec!["evil\nname".into(), "other".into()]),
        };
        Gate::new(settings, metrics).pass(client)
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_over_the_rate_is_shed_and_a_blackout_never() {
        let metrics = Metrics::default();
        let rate = Some(RateLimit { per_second: 2, burst: 2 });
        let pass = pass(&Settings { rate, ..Settings::default() }, &metrics);
        let check = |name: &str| pass.check(function(name), Instant::now()).map_err(|r| r.result);
        for _ in 0..3 {
            assert_eq!(check("BLACKOUTSTART"), Ok(()));
        }
        for name in ["CALLSTART", "TEST", "no function"] {
            assert_eq!(check(name), Err(ResultType::ProcessingMessage), "{name}");
        }
        assert_eq!(check("CALLSTOP"), Ok(()));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(check("CALLSTART"), Ok(()));
        let refusal = pass.check(None, Instant::now()).unwrap_err();
        assert!(
            refusal.message.contains("more than 2 requests a second; try again in 500 ms"),
            "{refusal:?}"
        );
        assert!(metrics.render().contains("corecast_shed_total{reason=\"rate\"} 4"));
    }

    #[tokio::test(start_paused = true)]
    async fn other_rules_hold_for_connections_from_then_on() {
        let metrics = Metrics::default();
        let client = || Client { address: "10.0.0.1".parse().ok(), certificate: None };
        let rate = Some(RateLimit { per_second: 1, burst: 1 });
        let gate = Gate::new(&Settings { rate, ..Settings::default() }, &metrics);
        let before = gate.pass(client());
        let check = |pass: &Pass| pass.check(function("TEST"), Instant::now()).map_err(|r| r.result);
        assert_eq!(check(&before), Ok(()));
        let api = Networks(vec!["10.9.0.0/16".parse().unwrap()]);
        gate.exchange(&Settings { rate, is_open: false, api, ..Settings::default() });
        assert_eq!(check(&gate.pass(client())), Err(ResultType::ProcessingMessage), "the same bucket");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(check(&before), Ok(()), "as it began");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(check(&gate.pass(client())), Err(ResultType::InvalidRequestType));
        assert!(!gate.api.admits(client().address) && gate.webapi.admits(client().address));
    }

    #[tokio::test]
    async fn a_function_that_is_not_for_a_client_is_refused_and_counted() {
        let metrics = Metrics::default();
        let pass = pass(&Settings { is_open: false, ..Settings::default() }, &metrics);
        let refusal = pass.check(function("EMAIL"), Instant::now()).unwrap_err();
        assert_eq!(refusal.result, ResultType::InvalidRequestType);
        assert_eq!(refusal.message, "EMAIL is not allowed for 10.0.0.1 (certificate evil\\nname)");
        assert!(metrics.render().contains("corecast_access_denied_total{command=\"EMAIL\"} 1"));
    }
}
