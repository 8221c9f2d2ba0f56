//! How what went wrong is told to the core.

use std::fmt::Display;
use std::io;
use std::path::Path;

use super::ng::NgError;
use super::render::RenderError;
use crate::cti::recorder::RecorderFault;
use crate::protocol::codes::ResultType;

/// It was asked for rightly and could not be done, or not be shown to be done. Never a code that a proxy takes for
/// "this core does not own the device".
pub(super) fn failed(message: impl Display) -> RecorderFault {
    RecorderFault { result: ResultType::ProcessingMessage, message: message.to_string() }
}

/// A file or folder of the spool cannot be used.
pub(super) fn file_failed(path: &Path, error: &io::Error) -> RecorderFault {
    failed(format_args!(
        "{}: {error}; the spool must be rtpengine's recording-dir, and this core must be allowed to write there",
        path.display()
    ))
}

impl From<NgError> for RecorderFault {
    fn from(error: NgError) -> Self {
        failed(error)
    }
}

impl From<RenderError> for RecorderFault {
    fn from(error: RenderError) -> Self {
        let result =
            if error.is_full_disk() { ResultType::OutOfDiskSpace } else { ResultType::ProcessingMessage };
        Self { result, message: format!("the recording could not be made, its captures are kept: {error}") }
    }
}
