//! How the program ends: one table for its help, its man page and docs/exit-codes.md.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// It failed, or a core refused.
    Failure = 1,
    /// It was called wrongly. It ends so before anything is done.
    Usage = 2,
    /// Some cores confirmed, not all.
    Partial = 3,
    /// Nobody could be reached.
    Unavailable = 69,
    /// The configuration is wrong.
    Config = 78,
}

/// One row of the table.
struct Meaning {
    exit: Exit,
    /// For the help, where a line has to do.
    short: &'static str,
    /// Of every command.
    full: &'static str,
    /// Of `corecast call`.
    call: &'static str,
    /// What a script may do.
    then: &'static str,
}

static TABLE: [Meaning; 6] = [
    Meaning {
        exit: Exit::Ok,
        short: "done",
        full: "done; of `check` and `audit verify`: all is well",
        call: "every owner confirmed",
        then: "go on",
    },
    Meaning {
        exit: Exit::Failure,
        short: "failed, or a core refused",
        full: "it failed, as standard error says; a fault was found (`audit verify`), nothing was found (`directory \
               show`, `functions`), or a file was not taken (`directory import`)",
        call: "refused: RESULTMSG says why",
        then: "look; the same again ends the same",
    },
    Meaning {
        exit: Exit::Usage,
        short: "wrong usage",
        full: "arguments that the command does not take; nothing was done",
        call: "nothing was sent",
        then: "mend the script",
    },
    Meaning {
        exit: Exit::Partial,
        short: "only some cores confirmed",
        full: "not used",
        call: "only some cores confirmed: API_PARTIAL_CORE_RESPONSE",
        then: "do not take it for done; the command may be sent again",
    },
    Meaning {
        exit: Exit::Unavailable,
        short: "nobody could be reached",
        full: "nobody could be reached: no server, no database, no proxy; or an address could not be had (`serve`, \
               `core`)",
        call: "no answer, so that it is unknown whether it was done; or API_ERROR_RECORDER_NOT_RUNNING: no core confirmed",
        then: "try again later",
    },
    Meaning {
        exit: Exit::Config,
        short: "the configuration is wrong",
        full: "the configuration is wrong: each fault is on standard error with its line",
        call: "not used",
        then: "mend the file",
    },
];

/// The table in a line, for the end of the help.
pub(super) fn help() -> String {
    let meanings = TABLE.iter().map(|Meaning { exit, short, .. }| format!("{} {short}", *exit as u8));
    format!("Exit status: {}", meanings.collect::<Vec<_>>().join(" · "))
}

/// The whole table, for the end of the long help and the man page.
pub(super) fn long_help() -> String {
    let row = |Meaning { exit, full, call, then, .. }: &Meaning| {
        format!("\n  {:2}  {full}\n      of call: {call}\n      a script may: {then}", *exit as u8)
    };
    TABLE.iter().map(row).fold("Exit status:".into(), |text, row| text + &row)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn table() -> String {
        let head = "| status | means | of `corecast call` | a script may |\n|---|---|---|---|\n";
        let row = |Meaning { exit, full, call, then, .. }: &Meaning| {
            format!("| {} | {full} | {call} | {then} |\n", *exit as u8)
        };
        TABLE.iter().map(row).fold(head.to_owned(), |text, row| text + &row)
    }

    /// `CORECAST_BLESS=1 cargo test exit_codes_page` writes it anew.
    #[test]
    fn the_exit_codes_page_has_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exit-codes.md");
        let page = std::fs::read_to_string(&path).expect("the page");
        let (begin, end) = ("<!-- table: begin -->\n\n", "\n<!-- table: end -->");
        let (before, rest) = page.split_once(begin).expect("where the table begins");
        let (shown, after) = rest.split_once(end).expect("where the table ends");
        if std::env::var_os("CORECAST_BLESS").is_some() {
            std::fs::write(path, format!("{before}{begin}{}{end}{after}", table()))
                .expect("it can be written");
        } else {
            assert_eq!(shown, table(), "write it anew with CORECAST_BLESS=1");
        }
    }

    #[test]
    fn numbers_go_up() {
        assert!(TABLE.is_sorted_by(|a, b| (a.exit as u8) < b.exit as u8));
    }
}
