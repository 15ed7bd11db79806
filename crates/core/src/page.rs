//! Lists: which page of one is asked for, and where it lies (Open Payments resource server, pagination).
//!
//! Lists are newest first. A cursor is the id of a resource in the list, and ids ascend with time, so pages stay what
//! they are while new resources arrive.

use crate::{Code, Id, Refusal};
use bursar_types::PageInfo;

/// How many resources a page has if nobody says.
pub const COUNT_DEFAULT: u8 = 20;
/// The most that a page can have.
pub const COUNT_MAX: u8 = 100;

/// Which page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which part of the list.
    pub part: Part,
    /// How many resources, at most.
    pub count: u8,
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The newest.
    Newest,
    /// What follows this one: the next older ones.
    OlderThan(Id),
    /// What precedes this one: the next newer ones.
    NewerThan(Id),
}

impl Ask {
    /// Reads the parameters `first`, `last` and `cursor` as they were sent.
    ///
    /// # Errors
    /// [`Code::InvalidResourceRequest`], naming the parameter.
    pub fn read(first: Option<&str>, last: Option<&str>, cursor: Option<&str>) -> Result<Self, Refusal> {
        let cursor: Option<Id> = cursor.map(|text| text.parse().map_err(|_| unknown_cursor())).transpose()?;
        let (name, count, part) = match (first, last, cursor) {
            (Some(_), Some(_), _) => return Err(invalid("give first or last, not both")),
            (None, Some(_), None) => return Err(invalid("last needs a cursor: before which resource?")),
            (None, Some(last), Some(cursor)) => ("last", Some(last), Part::NewerThan(cursor)),
            (first, None, cursor) => ("first", first, cursor.map_or(Part::Newest, Part::OlderThan)),
        };
        let count = match count {
            None => COUNT_DEFAULT,
            // Digits only: a number's text may also have a sign.
            Some(text) => (text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| text.parse().ok())
                .flatten()
                .filter(|count| (1..=COUNT_MAX).contains(count))
                .ok_or_else(|| invalid(format!("{name} must be a whole number from 1 to {COUNT_MAX}")))?,
        };
        Ok(Self { part, count })
    }

    /// The resource that the cursor names, which must be in the list.
    pub fn cursor(&self) -> Option<Id> {
        match self.part {
            Part::Newest => None,
            Part::OlderThan(id) | Part::NewerThan(id) => Some(id),
        }
    }

    /// How many rows to load: one more than the page has, to see whether there are more beyond it.
    pub fn rows(&self) -> u64 {
        u64::from(self.count) + 1
    }

    /// Makes the page out of the loaded rows, which come nearest first: newest first, or oldest first if the page
    /// lies before the cursor.
    pub fn page<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> Id) -> (Vec<T>, PageInfo) {
        let more = rows.len() > usize::from(self.count);
        rows.truncate(self.count.into());
        // The cursor's own resource is always on the other side.
        let (has_next_page, has_previous_page) = match self.part {
            Part::Newest => (more, false),
            Part::OlderThan(_) => (more, true),
            Part::NewerThan(_) => {
                rows.reverse();
                (true, more)
            }
        };
        let cursor = |row: Option<&T>| row.map(|row| id(row).to_string());
        let info = PageInfo {
            start_cursor: cursor(rows.first()),
            end_cursor: cursor(rows.last()),
            has_next_page,
            has_previous_page,
        };
        (rows, info)
    }
}

/// The refusal of a cursor that names nothing in the list.
pub fn unknown_cursor() -> Refusal {
    invalid("the cursor is not one of this list: take startCursor or endCursor from one of its pages")
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(Code::InvalidResourceRequest, text)
}
