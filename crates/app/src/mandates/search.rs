//! Looking for rows that a database could only find by looking at each.

use super::Page;
use crate::Error;
use bursar_core::Id;
use bursar_store::Tx;

/// Most rows that one search looks at. Where more are to be looked at, the next page goes on from there.
const LOOKED_AT_MAX: usize = 2_000;
/// Rows that are read at a time.
pub(super) const CHUNK: u64 = 200;

/// Goes through rows from the newest on, chunk by chunk, until a page is full or enough was looked at.
pub(super) fn search_through<T>(
    tx: &mut Tx<'_>,
    older_than: Option<Id>,
    per_page: usize,
    id: impl Fn(&T) -> Id,
    read: impl Fn(&mut Tx<'_>, Option<Id>) -> Result<Vec<T>, Error>,
    fits: impl Fn(&T) -> bool,
) -> Result<Page<T>, Error> {
    let (mut found, mut from, mut looked_at) = (Vec::new(), older_than, 0);
    loop {
        let chunk = read(tx, from)?;
        let is_last = (chunk.len() as u64) < CHUNK;
        for row in chunk {
            if found.len() == per_page {
                return Ok(Page { found, next: from });
            }
            from = Some(id(&row));
            looked_at += 1;
            if fits(&row) {
                found.push(row);
            }
        }
        if is_last {
            return Ok(Page { found, next: None });
        }
        if looked_at >= LOOKED_AT_MAX {
            return Ok(Page { found, next: from });
        }
    }
}
