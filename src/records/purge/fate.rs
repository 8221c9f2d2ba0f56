//! What is to become of a recording.

use jiff::{SignedDuration, Timestamp};

use crate::records::{ArchiveAction, Retention, Then};

/// What is to become of recordings that have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Those that ended before this moment are removed.
    Removed {
        /// The moment.
        before: Timestamp,
    },
    /// They are kept.
    Kept(Reason),
}

/// Why recordings are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing limits their time: 0 days.
    ForEver,
    /// Their archive action keeps them.
    Action,
    /// The configuration does not have their archive action.
    UnknownAction,
    /// Their KEEPDAYS is no number of days.
    BadDays,
}

impl Reason {
    /// The reason for a person, and what to do about it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::ForEver => "kept for ever",
            Self::Action => "kept by the archive action",
            Self::UnknownAction => "kept: the configuration has no [[records.archive_action]] of this id",
            Self::BadDays => "kept: KEEPDAYS is no number of days; CALLUPDATE with RECORDID can set it",
        }
    }

    /// Whether somebody should look after it.
    #[must_use]
    pub const fn is_wrong(self) -> bool {
        matches!(self, Self::UnknownAction | Self::BadDays)
    }
}

impl Retention {
    /// The archive action of this number.
    #[must_use]
    pub fn action(&self, number: &str) -> Option<&ArchiveAction> {
        self.actions.iter().find(|action| number.parse() == Ok(action.id))
    }

    /// What is to become of recordings with these values of ARCHIVEACTION and KEEPDAYS. The action goes first: what
    /// nobody knows, and what an action keeps, is kept whatever KEEPDAYS says. Then the recording's own KEEPDAYS,
    /// then the action's, then everybody's.
    #[must_use]
    pub fn fate(&self, archive_action: &str, keep_days: &str, now: Timestamp) -> Fate {
        let action = match archive_action {
            "" => None,
            given => match self.action(given) {
                None => return Fate::Kept(Reason::UnknownAction),
                Some(action) if action.then == Then::Keep => return Fate::Kept(Reason::Action),
                known => known,
            },
        };
        let days = match keep_days {
            "" => Ok(action.map_or(self.keep_days, |action| action.keep_days)),
            own => own.parse(),
        };
        match days {
            Err(_) => Fate::Kept(Reason::BadDays),
            Ok(0) => Fate::Kept(Reason::ForEver),
            // Days before any that a calendar has are for ever too.
            Ok(days) => now
                .checked_sub(SignedDuration::from_hours(24 * i64::from(days)))
                .map_or(Fate::Kept(Reason::ForEver), |before| Fate::Removed { before }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_action_goes_first_and_then_the_recordings_own_days() {
        let action = |id, keep_days, then| ArchiveAction { id, name: String::new(), keep_days, then };
        let actions =
            vec![action(3, 365, Then::Delete), action(4, 1, Then::Keep), action(5, 0, Then::Delete)];
        let retention = Retention { keep_days: 90, actions };
        let now = Timestamp::from_second(1_700_000_000).expect("a time");
        let days = |days| Fate::Removed { before: now - SignedDuration::from_hours(24 * i64::from(days)) };
        for (archive_action, keep_days, expected) in [
            ("", "", days(90)),
            ("", "7", days(7)),
            ("3", "", days(365)),
            ("3", "7", days(7)),
            ("03", "", days(365)),
            ("4", "7", Fate::Kept(Reason::Action)),
            ("5", "", Fate::Kept(Reason::ForEver)),
            ("5", "2", days(2)),
            ("6", "7", Fate::Kept(Reason::UnknownAction)),
            ("x", "", Fate::Kept(Reason::UnknownAction)),
            ("", "0", Fate::Kept(Reason::ForEver)),
            ("", "soon", Fate::Kept(Reason::BadDays)),
            ("", "-1", Fate::Kept(Reason::BadDays)),
            ("", "4294967295", Fate::Kept(Reason::ForEver)),
            ("", "4294967296", Fate::Kept(Reason::BadDays)),
        ] {
            assert_eq!(
                retention.fate(archive_action, keep_days, now),
                expected,
                "{archive_action} {keep_days}"
            );
        }
        assert_eq!(Retention::default().fate("", "", now), Fate::Kept(Reason::ForEver));
    }
}
