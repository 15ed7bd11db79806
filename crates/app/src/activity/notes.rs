//! What apps note beside a payment: their metadata, as far as people can read it.

use serde_json::Value;

/// Most notes of one payment that are shown.
const NOTES_MAX: usize = 20;
/// Names whose text tells best what a payment is for, in the order in which they are looked for.
const SUMMARIES: [&str; 6] = ["description", "note", "memo", "message", "reference", "externalRef"];

/// One note: a name and a text, both chosen by an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is called.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// The notes in metadata, which is a JSON object as text. What lies deeper is written as JSON.
pub fn notes(metadata: Option<&str>) -> Vec<Note> {
    let Some(Ok(Value::Object(fields))) = metadata.map(serde_json::from_str) else { return Vec::new() };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    fields.into_iter().map(|(name, value)| Note { name, text: text(value) }).take(NOTES_MAX).collect()
}

/// The note that tells best what a payment is for.
pub(super) fn summary(metadata: Option<&str>) -> Option<String> {
    let notes = notes(metadata);
    let best = SUMMARIES.iter().find_map(|name| notes.iter().find(|note| note.name == *name));
    best.or_else(|| notes.first()).map(|note| note.text.clone()).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_that_tells_most_is_the_summary() {
        fn check(metadata: Option<&str>, expected: Option<&str>) {
            assert_eq!(summary(metadata).as_deref(), expected, "{metadata:?}");
        }
        check(None, None);
        check(Some("{}"), None);
        check(Some(r#"{"description":"Lunch"}"#), Some("Lunch"));
        check(Some(r#"{"externalRef":"INV-7","description":"Lunch"}"#), Some("Lunch"));
        check(Some(r#"{"a":"b","externalRef":"INV-7"}"#), Some("INV-7"));
        check(Some(r#"{"order":{"id":7}}"#), Some(r#"{"id":7}"#));
        check(Some(r#"{"number":7}"#), Some("7"));
        check(Some(r#"{"description":"  "}"#), None);
        check(Some("[1]"), None);
        check(Some("no JSON"), None);
    }

    #[test]
    fn notes_are_bounded() {
        let many: serde_json::Map<String, Value> = (0..100).map(|n| (n.to_string(), Value::from(n))).collect();
        assert_eq!(notes(Some(&Value::from(many).to_string())).len(), NOTES_MAX);
    }
}
