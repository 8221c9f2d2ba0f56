//! The fields of one message, REQUEST or RESULT alike: names and values in the order they came.

use std::ops::Range;

use super::param::Param;

/// A piece of text: part of the message, or made anew where entities or character sets asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// A part of [`Fields::source`].
    Part(Range<u32>),
    /// Made anew.
    Made(Box<str>),
}

impl Text {
    const fn made(&self) -> usize {
        match self {
            Self::Part(_) => 0,
            Self::Made(text) => text.len(),
        }
    }

    pub(super) fn of<'a>(&'a self, source: &'a str) -> &'a str {
        match self {
            Self::Part(range) => &source[range.start as usize..range.end as usize],
            Self::Made(text) => text,
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Stored {
    param: Option<Param>,
    name: Text,
    value: Text,
    markup: Option<Box<str>>,
}

/// The fields of one message. Two are equal if the messages are, to the byte; of a URL, if their parameters are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    source: String,
    stored: Vec<Stored>,
    present: Params,
}

/// Which parameters stand in a message, so that those that do not need not be looked for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Params {
    once: u128,
    twice: u128,
}

const _: () = assert!(Param::ALL.len() <= 128, "each parameter has a bit");

impl Params {
    const fn add(&mut self, param: Param) {
        let bit = 1 << param as u32;
        self.twice |= self.once & bit;
        self.once |= bit;
    }

    const fn has(self, param: Param) -> bool {
        self.once & 1 << param as u32 != 0
    }
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The parameter, where the reference knows it.
    pub param: Option<Param>,
    /// The name as it was sent.
    pub name: &'a str,
    /// The value, unescaped, without the white space around it.
    pub value: &'a str,
    /// The whole element as well-formed XML, where it has attributes or elements inside.
    pub markup: Option<&'a str>,
}

impl Fields {
    /// Room for the fields of a usual message.
    pub(super) fn with_room() -> Self {
        Self { stored: Vec::with_capacity(8), ..Self::default() }
    }

    /// The fields, now that reading is over, with the message that their [`Text::Part`]s are parts of.
    pub(super) fn with_source(self, source: String) -> Self {
        Self { source, ..self }
    }

    pub(super) fn push(&mut self, source: &str, name: Text, value: Text, markup: Option<Box<str>>) {
        let param = Param::from_name(name.of(source));
        self.add(Stored { param, name, value, markup });
    }

    /// Adds a field of which nothing had to be made anew.
    pub(super) fn push_part(&mut self, name: &[u8], at: Text, value: Text) {
        self.add(Stored { param: Param::from_bytes(name), name: at, value, markup: None });
    }

    fn add(&mut self, stored: Stored) {
        stored.param.into_iter().for_each(|param| self.present.add(param));
        self.stored.push(stored);
    }

    /// How many fields there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.stored.len()
    }

    /// The memory they take, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let stored = self.stored.capacity() * size_of::<Stored>();
        let made = |f: &Stored| f.name.made() + f.value.made() + f.markup.as_ref().map_or(0, |m| m.len());
        self.source.capacity() + stored + self.stored.iter().map(made).sum::<usize>()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// The fields in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.stored.iter().map(|f| self.view(f))
    }

    fn view<'a>(&'a self, field: &'a Stored) -> Field<'a> {
        Field {
            param: field.param,
            name: field.name.of(&self.source),
            value: field.value.of(&self.source),
            markup: field.markup.as_deref(),
        }
    }

    /// The value of a parameter: the first that is not blank.
    #[must_use]
    pub fn get(&self, param: Param) -> Option<&str> {
        if !self.has(param) {
            return None;
        }
        self.values(param).find(|value| !value.is_empty())
    }

    /// Every value of a parameter, blank ones too.
    pub fn values(&self, param: Param) -> impl Iterator<Item = &str> {
        self.stored.iter().filter(move |f| f.param == Some(param)).map(|f| f.value.of(&self.source))
    }

    /// Whether a parameter is there, be it blank.
    #[must_use]
    pub const fn has(&self, param: Param) -> bool {
        self.present.has(param)
    }

    /// Whether some parameter is there twice.
    #[must_use]
    pub const fn has_twins(&self) -> bool {
        self.present.twice != 0
    }
}

/// Names and values, but no secrets: what is printed of a request may end in a log.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.iter().map(|field| {
            let is_secret = field.param.is_some_and(Param::is_secret);
            (field.name, if is_secret { "…" } else { field.value })
        });
        f.debug_map().entries(shown).finish()
    }
}
