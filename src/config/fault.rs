//! What is wrong with a configuration, where it is written, and how people get to see it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::Renderer;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Snippet};

/// A text that configuration came from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// A file's path, or a variable's name.
    pub name: String,
    pub text: String,
    pub is_variable: bool,
}

/// A stretch of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub source: Arc<Source>,
    /// Bytes of the text; an empty range at its beginning means the whole.
    pub span: Range<usize>,
}

impl Place {
    /// A place that cannot lie outside its text.
    pub fn new(source: &Arc<Source>, span: Range<usize>) -> Self {
        let end = span.end.min(source.text.len());
        Self { source: Arc::clone(source), span: span.start.min(end)..end }
    }

    /// The source as a whole.
    pub fn whole(source: &Arc<Source>) -> Self {
        Self::new(source, 0..0)
    }

    /// The same source as a whole, of which nothing is shown but its name.
    pub fn unseen(&self) -> Self {
        let Source { name, is_variable, .. } = &*self.source;
        let source = Source { name: name.clone(), text: String::new(), is_variable: *is_variable };
        Self::whole(&Arc::new(source))
    }

    /// The line, from 1; `None` in a variable, and for what concerns the whole.
    pub fn line(&self) -> Option<usize> {
        let above = &self.source.text.as_bytes()[..self.span.start];
        let line = above.split(|byte| *byte == b'\n').count();
        (!self.source.is_variable && self.span != (0..0)).then_some(line)
    }

    /// Sorts the file before variables, and what is further up before what follows.
    fn order(&self) -> (bool, &str, usize) {
        (self.source.is_variable, &self.source.name, self.span.start)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) place: Place,
}

impl Fault {
    /// What is wrong, in one sentence that names the key.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line of the file, from 1; `None` if a variable is at fault or the file as a whole.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.place.line()
    }

    /// The environment variable at fault, if it is one.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        self.place.source.is_variable.then_some(self.place.source.name.as_str())
    }

    fn group(&self) -> Group<'_> {
        let title = Level::ERROR.primary_title(self.message.as_str());
        let help = self.help.as_deref().map(|text| Level::HELP.message(text));
        self.locate(title.elements(None::<Origin<'_>>)).elements(help)
    }

    fn locate<'a>(&'a self, group: Group<'a>) -> Group<'a> {
        let Source { name, text, is_variable } = &*self.place.source;
        match (is_variable, self.line()) {
            (false, None) => group.element(Origin::path(name.as_str())),
            (false, Some(line)) if self.is_secret() => group.element(Origin::path(name.as_str()).line(line)),
            (true, _) if self.is_secret() => {
                group.element(Origin::path(format!("environment variable {name}")))
            }
            (false, Some(_)) => group.element(self.snippet(text).path(name.as_str())),
            (true, _) => group.element(
                self.snippet(text).path(format!("environment variable {name}")).line_numbering(false),
            ),
        }
    }

    /// Whether the lines at fault may hold a password or a token: then they are not shown.
    fn is_secret(&self) -> bool {
        let Source { name, text, is_variable } = &*self.place.source;
        let begin = text.get(..self.place.span.start).and_then(|t| t.rfind('\n')).unwrap_or(0);
        let end = text.get(self.place.span.end..).and_then(|t| t.find('\n'));
        let end = end.map_or(text.len(), |at| self.place.span.end + at);
        let shown = text.get(begin..end).unwrap_or(text).to_lowercase();
        let names_one = |text: &str| ["token", "password", "secret"].iter().any(|word| text.contains(word));
        names_one(&shown)
            || shown.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
            || (*is_variable && names_one(&name.to_lowercase()))
    }

    fn snippet<'a>(&self, text: &'a str) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        Snippet::source(text).annotation(AnnotationKind::Primary.span(self.place.span.clone()))
    }
}

/// Everything that is wrong with a configuration, in the order of the file.
///
/// `{}` renders plain text, for logs; `{:#}` the same in colours, for a terminal.
#[derive(Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|a, b| a.place.order().cmp(&b.place.order()));
        Self(faults)
    }

    /// How many there are: at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "without a fault there are no `Faults`")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// One after the other: the file's from its top to its end, then the variables' by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renderer = if f.alternate() { Renderer::styled() } else { Renderer::plain() };
        for fault in self {
            writeln!(f, "{}\n", renderer.render(&[fault.group()]))?;
        }
        let plural = if self.len() == 1 { "fault" } else { "faults" };
        write!(f, "{} {plural} in the configuration", self.len())
    }
}

/// As [`Display`](fmt::Display), so that a test's `unwrap` is readable.
impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Faults {}
