//! Recovery codes: single-use words on paper, for when a passkey is lost.
//!
//! A code has 80 random bits, so its plain hash is as good as a slow one: nobody can try them all.

use crate::{Id, TokenHash};
use std::fmt::Write;

/// How many codes a person gets at a time.
pub const CODES: usize = 10;
/// Random bytes of one code.
pub const CODE_BYTES: usize = 10;

/// Letters and digits that nobody takes for another: without `i`, `l`, `o` and `u` (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LETTERS_PER_CODE: usize = 16;

/// A code as people read and write it: four groups of four.
pub fn code(random: [u8; CODE_BYTES]) -> String {
    let number = random.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let mut text = String::with_capacity(LETTERS_PER_CODE + 3);
    for place in 0..LETTERS_PER_CODE {
        let shift = 5 * (LETTERS_PER_CODE - 1 - place);
        let index = usize::try_from(number >> shift & 31).unwrap_or(0);
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        let _ = text.write_char(char::from(LETTERS[index]));
    }
    text
}

/// The hash under which a code of this account holder is kept, however it was written down and typed; none of what
/// cannot be a code.
pub fn hash(holder: &Id, typed: &str) -> Option<TokenHash> {
    let mut letters = String::with_capacity(LETTERS_PER_CODE);
    for typed in typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '–' | '.' | '_')) {
        let letter = match typed.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        };
        if letters.len() == LETTERS_PER_CODE || !letter.is_ascii() || !LETTERS.contains(&(letter as u8)) {
            return None;
        }
        letters.push(letter);
    }
    (letters.len() == LETTERS_PER_CODE).then(|| TokenHash::of(&format!("recovery {holder} {letters}")))
}
