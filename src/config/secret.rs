//! Secrets of the configuration: under a key, from a variable, or in a file.

use super::kinds::{content, text};
use super::section::Section;
use super::tree::Node;
use crate::secret::Secret;

/// A secret that stands under the first key, or in the file that the second one names. Nothing that is said to be wrong
/// with it shows it.
pub(super) fn secret(s: &mut Section<'_>, [key, file]: [&'static str; 2]) -> Option<Secret> {
    let written = s.optional(key, |node| Ok(text(node)));
    let held = if s.has(key) && s.optional(file, |_| Ok(())).is_some() {
        s.fault(file, &format!("stands beside `{key}`: one of them is enough"));
        None
    } else {
        s.optional(file, secret_file)
    };
    match written {
        Some(Ok(written)) => Some(Secret::new(written)),
        Some(Err(wrong)) => {
            s.secret_fault(key, &wrong);
            None
        }
        None => held,
    }
}

fn secret_file(node: &Node) -> Result<Secret, String> {
    let held = content(node)?;
    let held = held.trim_end_matches(['\r', '\n']);
    if held.is_empty() || held.contains(char::is_control) {
        return Err("names a file that does not hold a secret on a single line".into());
    }
    Ok(Secret::new(held))
}
