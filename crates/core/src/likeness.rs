//! Names that could be mistaken for others (Unicode Technical Standard 39, section 4).
//!
//! Anybody can call an app anything. People who have approved an app before must not take another one for it.

use unicode_security::confusable_detection::skeleton;

/// Names shorter than this are alike only if they look the same: too many short words differ in one letter.
const LETTERS_MIN: usize = 6;
/// Longest name that is compared, in characters: two are compared in time that grows with both lengths.
const COMPARED_MAX: usize = 100;

/// A name as the eye takes it: look-alike characters of all scripts replaced by one of them, without case, spaces and
/// punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look(Vec<char>);

impl Look {
    /// How a name looks.
    pub fn of(name: &str) -> Self {
        let seen = |text: &str| skeleton(text).collect::<String>().to_lowercase();
        let short: String = name.chars().take(COMPARED_MAX).collect();
        // Twice: small letters have look-alikes that capital ones do not have, and the other way round.
        let look = seen(&seen(&short));
        Self(look.chars().filter(|c| c.is_alphanumeric()).take(COMPARED_MAX).collect())
    }

    /// Whether somebody could take one name for the other: they look the same, or long ones differ in one place.
    pub fn resembles(&self, other: &Self) -> bool {
        if self.0.is_empty() || other.0.is_empty() {
            return false;
        }
        self.0 == other.0 || self.0.len().min(other.0.len()) >= LETTERS_MIN && one_apart(&self.0, &other.0)
    }

    /// Whether a name borrows from another, longer or not: `Example Bank Support` from `Example Bank`.
    pub fn borrows_from(&self, other: &Self) -> bool {
        self.resembles(other)
            || other.0.len() >= LETTERS_MIN && self.0.windows(other.0.len()).any(|part| part == other.0)
    }
}

/// Whether one character was changed, added, left out, or exchanged with its neighbour.
fn one_apart(one: &[char], other: &[char]) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let Some(at) = short.iter().zip(long).position(|(a, b)| a != b) else {
        return long.len() - short.len() <= 1;
    };
    match long.len() - short.len() {
        0 => {
            let exchanged = short.len() > at + 1
                && short[at] == long[at + 1]
                && short[at + 1] == long[at]
                && short[at + 2..] == long[at + 2..];
            exchanged || short[at + 1..] == long[at + 1..]
        }
        1 => short[at..] == long[at + 1..],
        _ => false,
    }
}
