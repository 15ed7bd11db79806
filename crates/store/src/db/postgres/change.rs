//! A change that waits to be sent, and its parameters.

use super::parameters;
use crate::db::Value;
use tokio_postgres::{Client, Statement};

/// Some statements that change rows, made in one go.
pub(super) struct Change {
    pub(super) statement: Statement,
    pub(super) values: Vec<Owned>,
    pub(super) parts: Vec<Part>,
}

/// One of the changes that a statement makes.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) sql: &'static str,
    pub(super) parameters: usize,
    /// What it means if not exactly one row is touched.
    pub(super) guard: Option<&'static str>,
}

impl Change {
    /// Makes the change; the guard that did not hold, if any.
    pub(super) async fn make(&self, client: &Client) -> Result<Option<&'static str>, tokio_postgres::Error> {
        let values = self.values.iter().map(Owned::value);
        if let [part] = self.parts[..] {
            let touched = client.execute_raw(&self.statement, values).await?;
            return Ok(part.guard.filter(|_| touched != 1));
        }
        let values: Vec<Value<'_>> = values.collect();
        let counts = client.query_one(&self.statement, &parameters(&values)).await?;
        for (index, part) in self.parts.iter().enumerate() {
            if part.guard.is_some() && counts.try_get::<_, i64>(index)? != 1 {
                return Ok(part.guard);
            }
        }
        Ok(None)
    }
}

/// A parameter that can wait.
pub(super) enum Owned {
    Int(i64),
    Text(Box<str>),
    Bytes(Box<[u8]>),
    Null,
}

impl Owned {
    pub(super) fn of(value: &Value<'_>) -> Self {
        match *value {
            Value::Int(value) => Self::Int(value),
            Value::Text(text) => Self::Text(text.into()),
            Value::Bytes(bytes) => Self::Bytes(bytes.into()),
            Value::Null => Self::Null,
        }
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Int(value) => Value::Int(*value),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Null => Value::Null,
        }
    }
}
