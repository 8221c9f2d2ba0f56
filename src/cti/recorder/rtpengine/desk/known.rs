//! The jobs and calls that are known.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};

use super::super::call::Call;
use crate::cti::recorder::{Job, JobStatus, RecorderFault};
use crate::protocol::codes::ResultType;

/// Jobs at once.
const JOBS: usize = 4096;
/// Jobs that have ended and are remembered, the newest ones.
const ENDED: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Known {
    calls: HashMap<Arc<str>, Arc<Handle>>,
    jobs: HashMap<Arc<str>, Arc<Handle>>,
    ended: VecDeque<Ended>,
}

/// A call, for one at a time, and a bell for its watch.
#[derive(Debug)]
pub(super) struct Handle {
    pub call: Mutex<Call>,
    pub changed: Arc<Notify>,
}

/// A job whose recording is made.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub id: Arc<str>,
    pub file: PathBuf,
    pub started: Timestamp,
    pub status: JobStatus,
}

impl Known {
    /// The call of a job, made if it is new; and whether it is.
    pub fn take_in(
        &mut self,
        job: &Job,
        new: impl FnOnce() -> Handle,
    ) -> Result<(Arc<Handle>, bool), RecorderFault> {
        if let Some(handle) = self.jobs.get(&job.id) {
            return Ok((Arc::clone(handle), false));
        }
        if self.jobs.len() >= JOBS {
            let message = format!("{JOBS} recordings are under way, and no more can be");
            return Err(RecorderFault { result: ResultType::NoFreeChannels, message });
        }
        let known = self.calls.get(&job.call_id).cloned();
        let is_new = known.is_none();
        let handle = known.unwrap_or_else(|| Arc::new(new()));
        self.calls.insert(Arc::clone(&job.call_id), Arc::clone(&handle));
        self.jobs.insert(Arc::clone(&job.id), Arc::clone(&handle));
        Ok((handle, is_new))
    }

    pub fn call_of(&self, job: &str) -> Option<Arc<Handle>> {
        self.jobs.get(job).cloned()
    }

    pub fn ended(&self, job: &str) -> Option<Ended> {
        self.ended.iter().rev().find(|ended| &*ended.id == job).cloned()
    }

    pub fn remember(&mut self, ended: Ended) {
        if self.ended.len() >= ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(ended);
    }

    /// A job is no more, and maybe its call neither.
    pub fn forget(&mut self, job: &str, call_is_over: bool) {
        let Some(handle) = self.jobs.remove(job) else { return };
        if call_is_over {
            self.calls.retain(|_, other| !Arc::ptr_eq(other, &handle));
        }
    }
}
