//! Parameters and rows: 64-bit integers, text, bytes.

use super::Error;
use bursar_core::{Id, TokenHash};
use jiff::Timestamp;

/// A parameter of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A 64-bit integer.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Nothing.
    Null,
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u8> for Value<'_> {
    fn from(value: u8) -> Self {
        Self::Int(value.into())
    }
}

/// Amounts are at most 2⁶³−1 everywhere, so this never cuts anything off.
impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// Instants are microseconds since 1970, UTC.
impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.as_microsecond())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a [u8; 32]> for Value<'a> {
    fn from(value: &'a [u8; 32]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a Id> for Value<'a> {
    fn from(value: &'a Id) -> Self {
        Self::Bytes(value.as_bytes())
    }
}

impl<'a> From<&'a TokenHash> for Value<'a> {
    fn from(value: &'a TokenHash) -> Self {
        Self::Bytes(value.as_bytes())
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A query and its parameters.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value<'a>>,
}

impl<'a> Ask<'a> {
    /// A query with its parameters.
    pub fn new(sql: &'static str, values: &[Value<'a>]) -> Self {
        Self { sql, values: values.to_vec() }
    }
}

/// One row of an answer. Columns are counted from 0.
pub enum Row<'a> {
    /// A row of SQLite.
    #[doc(hidden)]
    Sqlite(&'a rusqlite::Row<'a>),
    /// A row of PostgreSQL, from this column on.
    #[doc(hidden)]
    Postgres(&'a tokio_postgres::Row, usize),
}

macro_rules! getter {
    ($(#[$doc:meta])* $name:ident, $optional:ident, $type:ty) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// When the column has another type or is null.
        pub fn $name(&self, column: usize) -> Result<$type, Error> {
            match self {
                Self::Sqlite(row) => row.get(column).map_err(|error| Error::Corrupt(error.to_string())),
                Self::Postgres(row, start) => row.try_get(start + column).map_err(|error| Error::Corrupt(error.to_string())),
            }
        }

        /// The same of a column that may be null.
        ///
        /// # Errors
        /// When the column has another type.
        pub fn $optional(&self, column: usize) -> Result<Option<$type>, Error> {
            match self {
                Self::Sqlite(row) => row.get(column).map_err(|error| Error::Corrupt(error.to_string())),
                Self::Postgres(row, start) => row.try_get(start + column).map_err(|error| Error::Corrupt(error.to_string())),
            }
        }
    };
}

impl Row<'_> {
    getter!(/// An integer.
        int, opt_int, i64);
    getter!(/// Text.
        text, opt_text, String);
    getter!(/// Bytes.
        bytes, opt_bytes, Vec<u8>);

    /// An integer that is never negative.
    ///
    /// # Errors
    /// When it is another type, null or negative.
    pub fn unsigned(&self, column: usize) -> Result<u64, Error> {
        u64::try_from(self.int(column)?).map_err(|_| Error::Corrupt(format!("column {column} is negative")))
    }

    /// An instant.
    ///
    /// # Errors
    /// When it is another type, null or out of range.
    pub fn instant(&self, column: usize) -> Result<Timestamp, Error> {
        instant(self.int(column)?)
    }

    /// An instant, or nothing.
    ///
    /// # Errors
    /// When it is another type or out of range.
    pub fn opt_instant(&self, column: usize) -> Result<Option<Timestamp>, Error> {
        self.opt_int(column)?.map(instant).transpose()
    }

    /// An id.
    ///
    /// # Errors
    /// When it is not 16 bytes.
    pub fn id(&self, column: usize) -> Result<Id, Error> {
        array(self.bytes(column)?).map(Id::from_bytes)
    }

    /// An id, or nothing.
    ///
    /// # Errors
    /// When it is neither 16 bytes nor null.
    pub fn opt_id(&self, column: usize) -> Result<Option<Id>, Error> {
        self.opt_bytes(column)?.map(|bytes| array(bytes).map(Id::from_bytes)).transpose()
    }

    /// 32 bytes: a key or a hash.
    ///
    /// # Errors
    /// When it is not 32 bytes.
    pub fn key(&self, column: usize) -> Result<[u8; 32], Error> {
        array(self.bytes(column)?)
    }
}

/// Not `Timestamp::from_microsecond`, which does not reach into the last second that there is.
fn instant(microseconds: i64) -> Result<Timestamp, Error> {
    let nanoseconds = i32::try_from(microseconds.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    Timestamp::new(microseconds.div_euclid(1_000_000), nanoseconds).map_err(|error| Error::Corrupt(error.to_string()))
}

fn array<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], Error> {
    let length = bytes.len();
    bytes.try_into().map_err(|_| Error::Corrupt(format!("{length} bytes where {N} should be")))
}
