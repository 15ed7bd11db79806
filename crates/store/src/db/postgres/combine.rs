//! Several statements made into one, so that the server is told, and answers, once.

/// One statement that runs several changes, each of other rows than the rest, and answers with one row: how many rows
/// each has touched. Its parameters are those of the changes, one after the other; the numbers tell how many each has.
pub(super) fn changes(parts: &[(&str, usize)]) -> String {
    let mut text = String::from("WITH ");
    let mut before = 0;
    for (index, (sql, parameters)) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        text.push_str(&format!("{comma}c{index} AS ({} RETURNING 1)", renumbered(sql, before)));
        before += parameters;
    }
    text.push_str(" SELECT ");
    let counts: Vec<String> = (0..parts.len()).map(|index| format!("(SELECT COUNT(*) FROM c{index})")).collect();
    text.push_str(&counts.join(", "));
    text
}

/// The name of the column that precedes those of each query in [`queries`]; null where the query has no row.
pub(super) const FOUND: &str = "bursar_found";

/// One query whose only row has the first rows of several queries side by side.
pub(super) fn queries(parts: &[(&str, usize)]) -> String {
    let names: Vec<String> = (0..parts.len()).map(|index| format!("q{index}.*")).collect();
    let mut text = format!("SELECT {} FROM (SELECT 1) AS one", names.join(", "));
    let mut before = 0;
    for (index, (sql, parameters)) in parts.iter().enumerate() {
        let query = renumbered(sql, before);
        text.push_str(&format!(
            " LEFT JOIN (SELECT 1 AS {FOUND}, q.* FROM ({query}) AS q LIMIT 1) AS q{index} ON TRUE"
        ));
        before += parameters;
    }
    text
}

/// A statement whose parameters begin so many numbers later.
fn renumbered(sql: &str, by: usize) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = after.split_at(digits);
        text.push_str(before);
        match number.parse::<usize>() {
            Ok(number) => text.push_str(&format!("${}", number + by)),
            Err(_) => text.push('$'),
        }
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_on() {
        assert_eq!(renumbered("a = $1 AND b = $12 OR $1", 3), "a = $4 AND b = $15 OR $4");
        assert_eq!(renumbered("no parameters", 3), "no parameters");
        assert_eq!(renumbered("$2", 0), "$2");
        assert_eq!(renumbered("100$ or '$'", 7), "100$ or '$'");
    }

    #[test]
    fn changes_become_one_statement() {
        let parts = [("INSERT INTO a VALUES ($1, $2)", 2), ("UPDATE b SET c = $1", 1)];
        let expected = "WITH c0 AS (INSERT INTO a VALUES ($1, $2) RETURNING 1), \
                        c1 AS (UPDATE b SET c = $3 RETURNING 1) \
                        SELECT (SELECT COUNT(*) FROM c0), (SELECT COUNT(*) FROM c1)";
        assert_eq!(changes(&parts), expected);
    }

    #[test]
    fn queries_become_one_row() {
        let parts = [("SELECT a FROM b WHERE c = $1", 1), ("SELECT a, d FROM e WHERE f = $1", 1)];
        let expected = "SELECT q0.*, q1.* FROM (SELECT 1) AS one \
                        LEFT JOIN (SELECT 1 AS bursar_found, q.* FROM (SELECT a FROM b WHERE c = $1) AS q LIMIT 1) \
                        AS q0 ON TRUE \
                        LEFT JOIN (SELECT 1 AS bursar_found, q.* FROM (SELECT a, d FROM e WHERE f = $2) AS q LIMIT 1) \
                        AS q1 ON TRUE";
        assert_eq!(queries(&parts), expected);
    }
}
