//! A judge of XML that forgives nothing, and shares nothing with the reader that it judges.

/// What stands between the markup of well-formed XML: text, with references.
type Checked = Result<(), String>;

/// Whether a text is one element of well-formed XML 1.0, without a declaration or a document type.
///
/// # Errors
/// What is wrong, and the text from there on.
pub fn element(text: &str) -> Checked {
    let mut open = Vec::new();
    let mut rest = text;
    loop {
        let at = rest.find('<').ok_or_else(|| wrong("no end", rest))?;
        require(at == 0 || !open.is_empty(), "text outside of the element", rest)?;
        require(!rest[..at].contains("]]>"), "]]> in text", rest)?;
        characters(&rest[..at])?;
        rest = markup(&rest[at..], &mut open)?;
        if open.is_empty() {
            return require(rest.is_empty(), "something behind the element", rest);
        }
    }
}

/// One piece of markup; gives what is behind it.
fn markup<'t>(text: &'t str, open: &mut Vec<&'t str>) -> Result<&'t str, String> {
    if let Some(comment) = text.strip_prefix("<!--") {
        let (inside, rest) = until(comment, "--")?;
        plain(inside)?;
        return rest.strip_prefix('>').ok_or_else(|| wrong("-- in a comment", text));
    }
    if let Some(data) = text.strip_prefix("<![CDATA[") {
        let (inside, rest) = until(data, "]]>")?;
        return plain(inside).map(|()| rest);
    }
    if let Some(instruction) = text.strip_prefix("<?") {
        let (inside, rest) = until(instruction, "?>")?;
        let name = inside.split(is_space).next().unwrap_or_default();
        require(is_name(name) && !name.eq_ignore_ascii_case("xml"), "no name of an instruction", text)?;
        return plain(inside).map(|()| rest);
    }
    if let Some(end) = text.strip_prefix("</") {
        let (name, rest) = until(end, ">")?;
        require(open.pop() == Some(name.trim_end_matches(is_space)), "another end tag", text)?;
        return Ok(rest);
    }
    tag(text, open)
}

/// A start tag, or the tag of an empty element.
fn tag<'t>(text: &'t str, open: &mut Vec<&'t str>) -> Result<&'t str, String> {
    let inside = &text[1..];
    let name = &inside[..inside.find(|c| is_space(c) || matches!(c, '/' | '>')).unwrap_or(inside.len())];
    require(is_name(name), "no name", text)?;
    let mut names = Vec::new();
    let mut rest = &inside[name.len()..];
    loop {
        let trimmed = rest.trim_start_matches(is_space);
        if let Some(behind) = trimmed.strip_prefix("/>") {
            return Ok(behind);
        }
        if let Some(behind) = trimmed.strip_prefix('>') {
            open.push(name);
            return Ok(behind);
        }
        require(trimmed.len() < rest.len(), "no space before an attribute", text)?;
        let (attribute, behind) = until(trimmed, "=")?;
        let attribute = attribute.trim_end_matches(is_space);
        require(is_name(attribute) && !names.contains(&attribute), "no name of an attribute", text)?;
        names.push(attribute);
        rest = value(behind.trim_start_matches(is_space))?;
    }
}

/// An attribute's value in its quotes; gives what is behind it.
fn value(text: &str) -> Result<&str, String> {
    let quote = text.get(..1).filter(|c| matches!(*c, "\"" | "'")).ok_or_else(|| wrong("no quote", text))?;
    let (inside, rest) = until(&text[1..], quote)?;
    require(!inside.contains('<'), "< in an attribute", text)?;
    characters(inside).map(|()| rest)
}

/// Text with references.
fn characters(text: &str) -> Checked {
    plain(text)?;
    text.split('&').skip(1).try_for_each(|rest| {
        let (name, _) = until(rest, ";")?;
        require(is_reference(name), "no reference", rest)
    })
}

fn plain(text: &str) -> Checked {
    require(text.chars().all(is_char), "a character that XML has not", text)
}

fn is_reference(name: &str) -> bool {
    let number = match name.strip_prefix('#').map(|n| n.strip_prefix('x').ok_or(n)) {
        None => return matches!(name, "amp" | "lt" | "gt" | "quot" | "apos"),
        Some(Ok(hex)) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
        Some(Err(decimal)) if decimal.bytes().all(|b| b.is_ascii_digit()) => decimal.parse(),
        Some(_) => return false,
    };
    number.ok().and_then(char::from_u32).is_some_and(is_char)
}

fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_name(name: &str) -> bool {
    name.starts_with(is_name_start) && name.chars().all(is_name_char)
}

fn is_name_start(c: char) -> bool {
    matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

fn until<'t>(text: &'t str, end: &str) -> Result<(&'t str, &'t str), String> {
    text.split_once(end).ok_or_else(|| wrong(&format!("no {end}"), text))
}

fn require(is_so: bool, otherwise: &str, text: &str) -> Checked {
    if is_so { Ok(()) } else { Err(wrong(otherwise, text)) }
}

fn wrong(what: &str, text: &str) -> String {
    format!("{what}: {:?}", text.chars().take(60).collect::<String>())
}
