//! A Rust file as the rules see it: code without comments and without the insides of literals, the string literals
//! beside it, and the lines that are compiled for tests only.
//!
//! This is a scanner, not a parser: it knows exactly as much of the language as is needed to tell code from text.

use std::ops::RangeInclusive;

/// A string literal of any kind (plain, raw, byte, C).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// Line of the opening quote, counted from 1.
    pub line: usize,
    /// The text between the quotes. Escape sequences are replaced by spaces; line ends are kept, so that a line
    /// within the literal can be counted.
    pub text: String,
}

/// One scanned file.
#[derive(Debug)]
pub struct Source {
    /// The file with comments and the insides of literals turned into spaces. Lines are where they were.
    pub code: String,
    /// Every string literal, in order.
    pub literals: Vec<Literal>,
    /// Modules declared as `#[cfg(test)] mod name;`, whose files are test code too.
    pub test_modules: Vec<String>,
    test_lines: Vec<RangeInclusive<usize>>,
}

impl Source {
    /// Scans a file. Text that is no Rust gives an unhelpful but harmless answer.
    pub fn scan(text: &str) -> Source {
        let mut scanner =
            Scanner { text, bytes: text.as_bytes(), at: 0, line: 1, code: Vec::new(), literals: Vec::new() };
        scanner.run();
        // Whole characters are blanked byte by byte, so what is left is valid UTF-8.
        let code = String::from_utf8_lossy(&scanner.code).into_owned();
        let literals = scanner.literals;
        let (test_lines, test_modules) = test_regions(&code);
        Source { code, literals, test_modules, test_lines }
    }

    /// Is this line (counted from 1) compiled for tests only?
    pub fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The lines of code with their numbers, counted from 1, test lines included.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The lines of code that are not compiled for tests only.
    pub fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().filter(|(line, _)| !self.is_test_line(*line))
    }

    /// The string literals that are not compiled for tests only.
    pub fn product_literals(&self) -> impl Iterator<Item = &Literal> {
        self.literals.iter().filter(|literal| !self.is_test_line(literal.line))
    }
}

/// A word of a line of code, with what stands directly before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    pub before: &'a str,
    pub text: &'a str,
    pub after: &'a str,
}

/// The words of a line: the longest runs of letters, digits and underscores.
pub fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + line.get(at..)?.find(is_word)?;
        let rest = &line[start..];
        let end = start + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        at = end;
        Some(Word { before: &line[..start], text: &line[start..end], after: &line[end..] })
    })
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: usize,
    code: Vec<u8>,
    literals: Vec<Literal>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'/' if self.peek(1) == Some(b'/') => {
                    while self.peek(0).is_some_and(|b| b != b'\n') {
                        self.blank();
                    }
                }
                b'/' if self.peek(1) == Some(b'*') => self.block_comment(),
                b'"' => self.string(),
                b'\'' => self.quote(),
                b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80.. => self.word(),
                _ => self.keep(),
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        if let Some(byte) = self.peek(0) {
            self.push(byte);
        }
    }

    fn blank(&mut self) {
        if let Some(byte) = self.peek(0) {
            self.push(if byte == b'\n' { b'\n' } else { b' ' });
        }
    }

    fn push(&mut self, byte: u8) {
        self.code.push(byte);
        self.line += usize::from(byte == b'\n');
        self.at += 1;
    }

    fn blank_many(&mut self, count: usize) {
        for _ in 0..count {
            self.blank();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.blank_many(2);
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.blank_many(2);
                    if depth == 0 {
                        return;
                    }
                }
                (Some(_), _) => self.blank(),
                (None, _) => return,
            }
        }
    }

    /// A word may be the prefix of a raw string, inside which quotes and backslashes mean themselves.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(|b| b == b'_' || b.is_ascii_alphanumeric() || b >= 0x80) {
            self.keep();
        }
        if matches!(&self.bytes[start..self.at], b"r" | b"br" | b"cr") {
            let hashes = self.bytes[self.at..].iter().take_while(|b| **b == b'#').count();
            if self.peek(hashes) == Some(b'"') {
                self.raw_string(hashes);
            }
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        for _ in 0..=hashes {
            self.keep();
        }
        let line = self.line;
        let start = self.at;
        let mut end = self.bytes.len();
        while self.at < self.bytes.len() {
            let closing = &self.bytes[self.at + 1..];
            if self.peek(0) == Some(b'"') && closing.iter().take_while(|b| **b == b'#').count() >= hashes {
                end = self.at;
                for _ in 0..=hashes {
                    self.keep();
                }
                break;
            }
            self.blank();
        }
        self.literals.push(Literal { line, text: self.slice(start, end) });
    }

    fn string(&mut self) {
        self.keep();
        let line = self.line;
        let start = self.at;
        let mut text = String::new();
        let mut from = start;
        loop {
            match self.peek(0) {
                None => break,
                Some(b'"') => break,
                Some(b'\\') => {
                    text.push_str(&self.slice(from, self.at));
                    text.push(' ');
                    if self.peek(1) == Some(b'\n') {
                        text.push('\n');
                    }
                    self.blank_many(2);
                    from = self.at;
                }
                Some(_) => self.blank(),
            }
        }
        text.push_str(&self.slice(from, self.at));
        self.keep();
        self.literals.push(Literal { line, text });
    }

    /// A character literal, or a lifetime, which is code.
    fn quote(&mut self) {
        self.keep();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return };
        if first == '\\' {
            self.blank_many(2);
            while self.peek(0).is_some_and(|b| b != b'\'' && b != b'\n') {
                self.blank();
            }
            self.keep();
        } else if rest[first.len_utf8()..].starts_with('\'') {
            self.blank_many(first.len_utf8());
            self.keep();
        }
    }

    fn slice(&self, start: usize, end: usize) -> String {
        String::from_utf8_lossy(&self.bytes[start..end]).into_owned()
    }
}

/// The lines of the items under `#[cfg(test)]` or `#[cfg(all(test, …))]`, and the test modules that live in files of
/// their own.
fn test_regions(code: &str) -> (Vec<RangeInclusive<usize>>, Vec<String>) {
    let mut regions = Vec::new();
    let mut modules = Vec::new();
    if code.contains("#![cfg(test)]") {
        return (vec![1..=usize::MAX], modules);
    }
    let mut at = 0;
    while let Some(found) = ["#[cfg(test)]", "#[cfg(all(test"]
        .iter()
        .filter_map(|mark| code[at..].find(mark).map(|offset| at + offset))
        .min()
    {
        let (item, end) = item_after_attributes(code, found);
        let line_of = |byte: usize| 1 + code[..byte].matches('\n').count();
        regions.push(line_of(found)..=line_of(end));
        let head: Vec<&str> = code[item..end].split_whitespace().collect();
        if let Some(name) = head.iter().position(|word| *word == "mod").and_then(|index| head.get(index + 1))
            && code[..end].ends_with(';')
        {
            modules.push(name.trim_end_matches(';').to_owned());
        }
        at = end;
    }
    (regions, modules)
}

/// Where the item starts whose attributes begin at `start`, and the byte after its end: past its `;`, or past the
/// brace that closes its body.
fn item_after_attributes(code: &str, start: usize) -> (usize, usize) {
    let bytes = code.as_bytes();
    let mut item = start;
    let mut depth = 0_usize;
    let mut braces = 0_usize;
    for (offset, byte) in bytes[start..].iter().enumerate() {
        let at = start + offset;
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => {
                depth = depth.saturating_sub(1);
                // The bracket that closes an attribute: the item cannot have begun before it.
                if depth == 0 && braces == 0 && *byte == b']' && code[item..].trim_start().starts_with('#') {
                    item = at + 1;
                }
            }
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && depth == 0 {
                    return (item, at + 1);
                }
            }
            b';' if braces == 0 && depth == 0 => return (item, at + 1),
            _ => {}
        }
    }
    (item, code.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, code: &str, literals: &[(usize, &str)]) {
        let source = Source::scan(text);
        assert_eq!(source.code, code, "code of {text:?}");
        let found: Vec<(usize, &str)> = source.literals.iter().map(|l| (l.line, l.text.as_str())).collect();
        assert_eq!(found, literals, "literals of {text:?}");
    }

    #[test]
    fn code_is_told_from_text() {
        check("a // b \"c\"\nd", "a         \nd", &[]);
        check("a /* b /* c */ d */ e", "a                   e", &[]);
        check("f(\"x // y\")", "f(\"      \")", &[(1, "x // y")]);
        check("\"a\\\"b\" c", "\"    \" c", &[(1, "a b")]);
        check("\"a \\\n  b\"", "\"   \n   \"", &[(1, "a  \n  b")]);
        check("r\"a\\\" + r#\"b\"c\"#", "r\"  \" + r#\"   \"#", &[(1, "a\\"), (1, "b\"c")]);
        check("br##\"a\"#b\"## x", "br##\"    \"## x", &[(1, "a\"#b")]);
        check("x\nb\"y\"", "x\nb\" \"", &[(2, "y")]);
        check("'\"' + '\\'' + 'é' + '\\u{41}'", "' ' + '  ' + '  ' + '      '", &[]);
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}", &[]);
        check("r#type + \"s\"", "r#type + \" \"", &[(1, "s")]);
        check("\"never closed", "\"            ", &[(1, "never closed")]);
        check("/* never closed", "               ", &[]);
    }

    #[test]
    fn test_code_is_found() {
        fn check(text: &str, lines: &[usize], modules: &[&str]) {
            let source = Source::scan(text);
            let found: Vec<usize> = source.lines().map(|(line, _)| line).filter(|l| source.is_test_line(*l)).collect();
            assert_eq!(found, lines, "test lines of {text:?}");
            assert_eq!(source.test_modules, modules, "test modules of {text:?}");
        }
        check("a\n#[cfg(test)]\nmod tests {\n  fn f() { \"}\" }\n}\nb", &[2, 3, 4, 5], &[]);
        check("#[cfg(test)]\nmod tests;\nb", &[1, 2], &["tests"]);
        check("#[cfg(test)]\n#[allow(dead_code)]\npub(crate) mod checks;\nb", &[1, 2, 3], &["checks"]);
        check("#[cfg(test)]\nuse a::b;\nc", &[1, 2], &[]);
        check("#[cfg(test)]\nfn f(x: [u8; 2]) -> u8 {\n x[0]\n}\nb", &[1, 2, 3, 4], &[]);
        check("#[cfg(all(test, unix))]\nfn f() {}\nb", &[1, 2], &[]);
        check("#![cfg(test)]\na\nb", &[1, 2, 3], &[]);
        check("// #[cfg(test)]\nfn f() {}", &[], &[]);
        check("#[cfg(not(test))]\nfn f() {}", &[], &[]);
    }

    #[test]
    fn words_know_their_neighbours() {
        let found: Vec<(&str, &str)> = words("a.b_1::c d2").map(|w| (w.text, w.after)).collect();
        assert_eq!(found, [("a", ".b_1::c d2"), ("b_1", "::c d2"), ("c", " d2"), ("d2", "")]);
        assert_eq!(words("  ").count(), 0);
        assert_eq!(words("été").map(|w| w.text).collect::<Vec<_>>(), ["été"]);
    }

    proptest! {
        /// Whatever the text, lines stay where they were and nothing panics.
        #[test]
        fn lines_stay_where_they_were(text in "[a-z\"'#/*{}\\[\\]();\\\\\n ér_!]{0,120}") {
            let source = Source::scan(&text);
            prop_assert_eq!(source.code.len(), text.len());
            let ends = |s: &str| s.char_indices().filter(|(_, c)| *c == '\n').map(|(i, _)| i).collect::<Vec<_>>();
            prop_assert_eq!(ends(&source.code), ends(&text));
        }

        /// A literal says what was put into it.
        #[test]
        fn literals_come_back(parts in proptest::collection::vec("[a-zA-Z0-9 /*'é]{0,12}", 0..6)) {
            let text: String = parts.iter().map(|part| format!("f(\"{part}\"); // \"no\"\n")).collect();
            let found: Vec<(usize, String)> =
                Source::scan(&text).literals.into_iter().map(|l| (l.line, l.text)).collect();
            let expected: Vec<(usize, String)> = parts.into_iter().enumerate().map(|(i, p)| (i + 1, p)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
