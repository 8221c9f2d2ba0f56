//! Result types and their numbers. The labels are the reference's; where a number is not public,
//! ours is a default that the configuration's `[codes]` table may replace.

use crate::model::Rejection;

/// One line per result type: variant, label, default number.
macro_rules! result_types {
    ($($(#[$doc:meta])* $variant:ident $label:literal $code:literal;)*) => {
        /// A RESULTTYPE of the reference.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ResultType { $($(#[$doc])* $variant),* }

        impl ResultType {
            /// Every result type, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// RESULTTYPE as it is written, for example `API_OK`.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            /// RESULTCODE unless the configuration says otherwise.
            #[must_use]
            pub const fn default_code(self) -> i32 {
                match self { $(Self::$variant => $code),* }
            }
        }
    };
}

result_types! {
    /// Recording began.
    RecordingStarted "API_RECORDING_STARTED" 0;
    /// The device is being recorded already.
    AlreadyRecording "API_ERROR_ALREADY_RECORDING" 1;
    /// The recorder's disk is full.
    OutOfDiskSpace "API_ERROR_OUT_OF_DISK_SPACE" 2;
    /// Every channel is busy.
    NoFreeChannels "API_ERROR_NO_FREE_CHANNELS" 3;
    /// A fault without a name.
    Unknown "API_ERROR_UNKNOWN" 4;
    /// DEVICEALIAS was expected.
    DeviceAliasUnspecified "API_DEVICE_ALIAS_UNSPECIFIED" 5;
    /// The scheduler is down.
    SchedulerNotRunning "API_ERROR_SCHEDULER_NOT_RUNNING" 6;
    /// The device is not in a call on this core.
    DeviceNotInCall "API_DEVICE_NOT_IN_CALL" 7;
    /// No device, or an unknown one.
    DeviceInvalid "API_DEVICE_INVALID" 8;
    /// No schedule wants this call recorded.
    DidNotMatchASchedule "API_DID_NOT_MATCH_A_SCHEDULE" 9;
    /// An unknown function.
    UnknownMessageType "API_UNKNOWN_MESSAGE_TYPE" 10;
    /// The request could not be worked on, overload included.
    ProcessingMessage "API_ERROR_PROCESSING_MESSAGE" 11;
    /// The device is not being recorded.
    DeviceNotRecording "API_DEVICE_NOT_RECORDING" 12;
    /// Recording ended.
    RecordingStopped "API_RECORDING_STOPPED" 13;
    /// REQUESTID is missing or no integer.
    RequestIdInvalid "API_REQUESTID_INVALID" 14;
    /// This request is not allowed here.
    InvalidRequestType "API_INVALID_REQUEST_TYPE" 15;
    /// Malformed, or a parameter is missing or unusable.
    InvalidMessageFormat "API_INVALID_MESSAGE_FORMAT" 16;
    /// The recorder has nowhere to write.
    NoDefaultRecordingPath "API_ERROR_NO_DEFAULT_RECORDING_PATH" 18;
    /// Done, and by every owner.
    Ok "API_OK" 20;
    /// ACTION is not one of this function's.
    InvalidAction "API_ERROR_INVALID_ACTION" 21;
    /// A key that must be unique is taken.
    KeysNotUnique "API_ERROR_KEYS_NOT_UNIQUE" 22;
    /// The database could not answer.
    DatabaseQueryError "API_DATABASE_QUERY_ERROR" 23;
    /// No such agent.
    AgentNotFound "API_AGENT_NOT_FOUND" 24;
    /// The agent is not active.
    AgentNotActive "API_AGENT_NOT_ACTIVE" 25;
    /// A required value is blank.
    BlankRequiredValue "API_BLANK_REQUIRED_VALUE" 26;
    /// No such group.
    NoGroup "API_NO_GROUP" 27;
    /// No such user.
    UserNotFound "API_USER_NOT_FOUND" 28;
    /// An unknown mode.
    ModeInvalid "API_MODE_INVALID" 29;
    /// An unknown event type.
    EventTypeInvalid "API_EVENT_TYPE_INVALID" 30;
    /// No owner could be reached.
    RecorderNotRunning "API_ERROR_RECORDER_NOT_RUNNING" 31;
    /// Some owners confirmed, not all.
    PartialCoreResponse "API_PARTIAL_CORE_RESPONSE" 32;
    /// No such recording file.
    FileNotFound "API_FILE_NOT_FOUND" 33;
    /// No such recording.
    RecordIdInvalid "API_RECORDID_INVALID" 34;
    /// SESSIONID is missing or unknown.
    SessionIdUnspecified "API_SESSIONID_UNSPECIFIED" 35;
    /// The mail address cannot be used.
    EmailNotValid "API_EMAIL_NOT_VALID" 36;
    /// No mail server.
    ClientNotFound "API_ERROR_CLIENT_NOT_FOUND" 37;
    /// A role of this name exists.
    RoleAlreadyExists "API_ROLE_ALREADY_EXISTS" 38;
    /// No such role.
    RoleNotFound "API_ROLE_NOT_FOUND" 39;
    /// A user of this name exists.
    UserAlreadyExist "API_USER_ALREADY_EXIST" 40;
}

impl ResultType {
    /// The result type of this label; surrounding space and the reference's misprint
    /// `API _PARTIAL…` are forgiven.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        let compact: String = label.split_whitespace().collect();
        Self::ALL.iter().copied().find(|t| t.label() == compact)
    }
}

/// The number of every result type in force: the defaults with the configuration's `[codes]` on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes([i32; ResultType::ALL.len()]);

impl Default for Codes {
    fn default() -> Self {
        let mut codes = [0; ResultType::ALL.len()];
        for t in ResultType::ALL {
            codes[*t as usize] = t.default_code();
        }
        Self(codes)
    }
}

impl Codes {
    /// RESULTCODE of a result type.
    #[must_use]
    pub fn of(&self, t: ResultType) -> i32 {
        self.0[t as usize]
    }

    /// Replaces one number.
    pub fn set(&mut self, t: ResultType, code: i32) {
        self.0[t as usize] = code;
    }

    /// The result type that a core's RESULTCODE means; 17 is the reference's second number for a bad format.
    #[must_use]
    pub fn meaning(&self, code: i32) -> Option<ResultType> {
        if code == 17 && !self.0.contains(&17) {
            return Some(ResultType::InvalidMessageFormat);
        }
        ResultType::ALL.iter().copied().find(|t| self.of(*t) == code)
    }

    /// What a core refuses with. The label decides; one that nobody knows is understood by its number.
    #[must_use]
    pub fn understand(&self, rejection: &Rejection) -> Option<ResultType> {
        ResultType::from_label(&rejection.label).or_else(|| self.meaning(rejection.code))
    }

    /// Whether a refusal says that the core does not know the device or agent.
    #[must_use]
    pub fn is_not_mine(&self, rejection: &Rejection) -> bool {
        use ResultType::{AgentNotFound, DeviceInvalid, DeviceNotInCall, DeviceNotRecording};
        matches!(
            self.understand(rejection),
            Some(DeviceInvalid | DeviceNotInCall | DeviceNotRecording | AgentNotFound)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_numbers_are_unique_and_ascending() {
        let numbers: Vec<_> = ResultType::ALL.iter().map(|t| t.default_code()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }

    #[test]
    fn labels_are_found_again_with_the_misprint() {
        for t in ResultType::ALL {
            assert_eq!(ResultType::from_label(t.label()), Some(*t));
        }
        assert_eq!(
            ResultType::from_label("API _PARTIAL_CORE_RESPONSE"),
            Some(ResultType::PartialCoreResponse)
        );
        assert_eq!(ResultType::from_label("API_NONSENSE"), None);
    }

    #[test]
    fn a_number_may_be_replaced_and_is_understood() {
        let mut codes = Codes::default();
        codes.set(ResultType::PartialCoreResponse, 99);
        assert_eq!(codes.of(ResultType::PartialCoreResponse), 99);
        assert_eq!(codes.meaning(99), Some(ResultType::PartialCoreResponse));
        assert_eq!(codes.meaning(32), None);
        assert_eq!(codes.meaning(17), Some(ResultType::InvalidMessageFormat));
    }
}
